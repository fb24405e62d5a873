"""The hardest errors of a run: where the rows come from, and what they say."""

from types import SimpleNamespace

import numpy as np
import pytest

from ballast.rows import prepared
from ballast.rows.dataset import Layout
from ballast.rows.prepared import Prepared
from evaluate import SHOWN, contents

LAYOUT = Layout(text="text", features=["x", "y"], categories=["kind"], dates=["day"])


def row(name: str, text: str, numbers, categories, dates) -> SimpleNamespace:
    content = SimpleNamespace(text=text, numbers=numbers, categories=categories, dates=dates)
    place = {"file": "a.csv", "row": 7, "line": 9}
    rest = dict.fromkeys(("group", "time", "part"))
    return SimpleNamespace(id=name, content=content, labels=["a"], **place, **rest)


@pytest.fixture
def rows(tmp_path) -> Prepared:
    listed = [
        row("k1", "short", (1.5, None), ("red",), (0.0,)),
        row("k2", "long " * SHOWN, (0.0, 2.0), (None,), (-0.5,)),
        row("k3", "", (None, None), (None,), (None,)),
    ]
    prepared.save(listed, np.arange(3), np.arange(3), {}, tmp_path)
    return Prepared(tmp_path)


def test_a_row_is_shown_by_its_own_id_and_with_each_column_that_a_network_sees(rows):
    place = "a.csv, record 7 (line 9)"
    (own, content), (_, long), (_, empty) = contents(rows, ["k1", "k2", "k3"], LAYOUT, "key")
    assert own == f"key k1: {place}"
    assert content == "short\nx = 1.5, y = , kind = red, day = 1970-01-01"
    assert long.endswith(" …\nx = 0.0, y = 2.0, kind = , day = 1969-12-31")
    assert empty == "x = , y = , kind = , day = "
    assert next(contents(rows, ["k3"], LAYOUT, None))[0] == place
