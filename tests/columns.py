"""Columns of a small table, each of which says nothing of the others."""

import random

ROWS = 120
chance = random.Random(0)
WORDS = ["".join(chance.choices("abcdefghijklm", k=5)) for _ in range(200)]
TEXTS = [" ".join(chance.choices(WORDS, k=8)) for _ in range(ROWS)]
LABELS = [chance.choice(["ham", "ham", "ham", "spam"]) for _ in range(ROWS)]
NUMBERS = [round(chance.gauss(0, 100), 2) for _ in range(ROWS)]


def cycled(*values):
    """Return a column of some values, in an order that has nothing to do with the labels."""
    return [values[i % 7 % len(values)] for i in range(ROWS)]
