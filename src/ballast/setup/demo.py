"""Write the demo corpus: short French corporate-news texts in nine classes.

The corpus stands in for a newswire feed that cannot be shared. Every text is composed from the
phrase material in ``demo_phrases.yaml``; companies, persons and products are invented, and any
likeness to real ones is accidental. The classes overlap on purpose. Many texts mention two events,
and the class is that of the event which makes the news: the one in the main clause, or the first
of two equals. A bag of words sees both events but not which of them leads.

Command::

    ballast demo --rows 91149 --output FILE

Without ``--rows`` it writes 9,115 texts, the corpus committed as ``data/raw/demo/demo.csv``. With
``--multilabel`` it writes 3,000 texts that report one to three events, each a label of the text, as
in ``data/raw/demo_multilabel/demo_multilabel.csv``; events that are only touched on are none.
"""

import random
import re
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from ballast.project import storage

DEFAULT_ROWS = 9115
DEFAULT_MULTILABEL_ROWS = 3000
SEPARATOR = "|"
# Share of texts written for a neighbouring class while keeping their label, as annotators do err.
LABEL_NOISE = 0.02
# Chances of a number of sentences beside the one that carries the news.
EXTRA_SENTENCES = {0: 0.30, 1: 0.58, 2: 0.08, 3: 0.03, 4: 0.01}
MIN_WORDS = 12
# Ways to build the sentence that carries the news, by the `mix` of a class.
LEADS = {
    "plain": {"alone": 0.8, "event": 0.2},
    "crossed": {"behind": 0.25, "ahead": 0.25, "joint": 0.5},
    "order": {"order": 1.0},
}
# Multi-label: chances of a number of labels; of a noun phrase that tells one; of another event that
# a sentence touches on; of a sentence more for a label.
TOPICS = {1: 0.5, 2: 0.35, 3: 0.15}
NOUN_PHRASE = 0.5
ASIDE = 0.6
DETAIL = 0.4
# Slots that keep their first value throughout a text, so that its sentences agree.
_STICKY = frozenset({"client", "court", "job", "product", "union"})

_SLOT = re.compile(r"\[([^\[\]]*)\]|\{(\w+)\}")
_GENDER = re.compile(r"<([^/<>]*)/([^<>]*)>")
_ELISION = re.compile(r"\b([DdNnSsLl]e|[Ll]a|[Qq]ue) (?=[aeiouàâéèêîôœAEIOUÀÂÉÈÊÎÔŒ])")
_CONTRACTIONS = (
    (re.compile(r"\b([Dd])e les\b"), r"\1es"),
    (re.compile(r"\b([Dd])e des\b"), r"\1e"),
    (re.compile(r"\b([Dd])e le\b"), r"\1u"),
    (re.compile(r"\bà les\b"), "aux"),
    (re.compile(r"\bà le\b"), "au"),
)


@lru_cache(maxsize=1)
def _phrases() -> dict:
    source = resources.files("ballast.setup").joinpath("demo_phrases.yaml")
    return YAML(typ="safe").load(source.read_text(encoding="utf-8"))


def labels() -> list[str]:
    """Return the nine class names, the largest class first."""
    return list(_phrases()["classes"])


def class_sizes(rows: int) -> dict[str, int]:
    """Share ``rows`` out among the classes by largest remainder, each class getting at least one.

    Returns a mapping from class name to a number of texts; the numbers sum to ``rows``. Raises
    ``ValueError`` if ``rows`` is smaller than the number of classes.
    """
    weights = {name: entry["size"] for name, entry in _phrases()["classes"].items()}
    if rows < len(weights):
        raise ValueError(f"rows must be at least {len(weights)}, got {rows}")
    total = sum(weights.values())
    sizes = {name: max(1, weight * rows // total) for name, weight in weights.items()}
    # Integer remainders: floats could order two close ones differently.
    by_remainder = sorted(weights, key=lambda name: -(weights[name] * rows % total))
    for name in by_remainder[: max(0, rows - sum(sizes.values()))]:
        sizes[name] += 1
    while sum(sizes.values()) > rows:  # only when the floor of one text per class asked for more
        sizes[max(sizes, key=sizes.get)] -= 1
    return sizes


def generate(rows: int = DEFAULT_ROWS, seed: int = 0) -> list[tuple[str, str]]:
    """Compose the corpus.

    Returns ``rows`` pairs (text, label), shuffled; the same arguments always give the same list.
    Raises ``ValueError`` if ``rows`` is smaller than the number of classes.
    """
    rng = random.Random(seed)
    order = [name for name, size in class_sizes(rows).items() for _ in range(size)]
    order.sort(key=lambda _: rng.random())
    return [(_Text(rng).compose(label), label) for label in order]


def generate_multilabel(
    rows: int = DEFAULT_MULTILABEL_ROWS, seed: int = 0
) -> list[tuple[str, str]]:
    """Compose the multi-label corpus.

    Returns ``rows`` pairs (text, labels joined by ``|``, the largest class first). The labels of a
    text are drawn without replacement, by the sizes of the classes. Raises ``ValueError`` if
    ``rows`` is smaller than the number of classes.
    """
    if rows < len(labels()):
        raise ValueError(f"rows must be at least {len(labels())}, got {rows}")
    rng = random.Random(seed)
    pairs = []
    for _ in range(rows):
        text = _Text(rng)
        topics = text.topics()
        joined = SEPARATOR.join(sorted(topics, key=labels().index))
        pairs.append((text.report(topics), joined))
    return pairs


def write(
    path: str | Path, rows: int | None = None, seed: int = 0, multilabel: bool = False
) -> None:
    """Write a corpus as CSV: columns text and label (or labels), UTF-8, header, line feeds only.

    Missing parent folders are made and an existing file is replaced. Raises ``ValueError`` as
    :func:`generate` does, ``OSError`` if the file cannot be written.
    """
    compose = generate_multilabel if multilabel else generate
    pairs = compose(seed=seed) if rows is None else compose(rows, seed)
    storage.write_csv(Path(path), ("text", "labels" if multilabel else "label"), pairs)


class _Text:
    """One text in the making: its random draws and the facts that stay fixed throughout it."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.material = _phrases()
        self.feminine = rng.random() < 0.5
        year = 2014 + self.number(11)
        self.facts = {"this_year": str(year), "next_year": str(year + 1)}
        for name in ("company", "other", "third"):
            self.facts[name] = self.expand("{new_company}")
        self.facts["person"] = self.expand("{woman}" if self.feminine else "{man}")
        self.facts["person2"] = self.expand("[{woman}|{man}]")

    def compose(self, label: str) -> str:
        classes = self.material["classes"]
        if self.rng.random() < LABEL_NOISE:
            label = self.pick(classes[label]["near"])
        second = self.pick(classes[label]["near"])
        lead, mixed = self.lead(classes[label], classes[second])
        sentences, used = [_polish(lead, self.feminine)], set()
        extra = self.weighted(EXTRA_SENTENCES)
        while extra > 0 or len(" ".join(sentences).split()) < MIN_WORDS:
            extra -= 1
            # A text with a second event may elaborate on either; others also have plain filler.
            source = classes[second] if mixed and self.rng.random() < 0.5 else classes[label]
            filler = self.rng.random() < (0.6 if mixed else 0.45)
            phrase = self.pick(self.material["fillers"] if filler else source["details"])
            if phrase not in used:
                used.add(phrase)
                sentences.append(_polish(self.expand(phrase), self.feminine))
        return " ".join(sentences)

    def topics(self) -> list[str]:
        """Draw the labels of a multi-label text."""
        sizes = {name: entry["size"] for name, entry in self.material["classes"].items()}
        drawn = []
        for _ in range(self.weighted(TOPICS)):
            total = sum(sizes.values())
            drawn.append(self.weighted({name: size / total for name, size in sizes.items()}))
            del sizes[drawn[-1]]
        return drawn

    def report(self, topics: list[str]) -> str:
        """Compose a text that reports an event of each class, and may touch on others."""
        classes, links = self.material["classes"], self.material["links"]
        sentences = []
        for label in topics:
            if self.rng.random() < LABEL_NOISE:
                label = self.pick(classes[label]["near"])
            way = "event" if self.rng.random() < NOUN_PHRASE else "act"
            sentence = self.pick(links["further"][way])
            if not sentences:
                opening = self.pick(self.material["openings"]) + "{subject} {act}"
                sentence = self.pick(links["event"]) if way == "event" else opening
            if self.rng.random() < ASIDE:
                sentence += self.pick(links["behind"])
            touched = classes[self.pick(classes[label]["near"])]
            main = classes[label]
            phrases = {"act": main["acts"], "main": main["events"], "event": touched["events"]}
            sentences.append(self.fill(sentence, phrases))
            if self.rng.random() < DETAIL:
                filler = self.rng.random() < 0.6
                source = self.material["fillers"] if filler else classes[label]["details"]
                sentences.append(self.pick(source))
        return " ".join(_polish(self.expand(sentence), self.feminine) for sentence in sentences)

    def lead(self, main: dict, second: dict) -> tuple[str, bool]:
        """Return the sentence that decides the class, and whether it mentions a second event."""
        links = self.material["links"]
        opening = self.pick(self.material["openings"])
        way = self.weighted(LEADS[self.weighted(main["mix"])])
        sentence = {
            "alone": opening + "{subject} {act}",
            "event": self.pick(links["event"]),
            "behind": opening + "{subject} {act}" + self.pick(links["behind"]),
            "ahead": self.pick(links["ahead"]) + "{subject} {act}",
            "joint": opening + self.pick(links["joint"]),
            "order": self.pick(links["order"]),
        }[way]
        acts = {"act": main["acts"], "main": main["events"], "second": second["acts"]}
        sentence = self.fill(sentence, acts | {"event": second["events"]})
        return self.expand(sentence), way not in LEADS["plain"]

    def fill(self, sentence: str, phrases: dict[str, list[str]]) -> str:
        """Replace slots by phrases; each draws one, whether or not it is in the sentence."""
        for slot, choice in phrases.items():
            sentence = sentence.replace(f"{{{slot}}}", self.pick(choice))
        return sentence

    def expand(self, text: str) -> str:
        """Replace every slot; an alternative is chosen before the slots inside it are filled."""
        while slot := _SLOT.search(text):
            choice, name = slot.groups()
            new = self.pick(choice.split("|")) if name is None else self.draw(name)
            text = text[: slot.start()] + new + text[slot.end() :]
        return text

    def draw(self, name: str) -> str:
        if name in self.facts:
            return self.facts[name]
        if name in self.material["ranges"]:
            first, last = self.material["ranges"][name]
            return str(first + self.number(last + 1 - first))
        phrase = self.pick(self.material["lists"][name])
        if name in _STICKY:
            phrase = self.facts[name] = self.expand(phrase)
        return phrase

    # Python promises the same sequence across versions for random() alone, not for choice() and
    # its kin, so every draw goes through these three.
    def number(self, limit: int) -> int:
        return int(self.rng.random() * limit)

    def pick(self, items: list[str]) -> str:
        return items[self.number(len(items))]

    def weighted(self, weights: dict) -> Any:
        draw = self.rng.random()
        for item, weight in weights.items():
            draw -= weight
            if draw < 0:
                return item
        return item  # the weights may sum to a little less than 1


def _polish(sentence: str, feminine: bool) -> str:
    """Apply gender, elision and contraction, tidy the punctuation and close the sentence."""
    sentence = _GENDER.sub(r"\2" if feminine else r"\1", sentence)
    sentence = " ".join(sentence.split())
    sentence = re.sub(r" ([,.])", r"\1", sentence)
    sentence = re.sub(r",(?:,)+", ",", sentence).rstrip(" ,")
    # Elision first: "de le accord" must become "de l'accord" before "de le" can turn into "du".
    sentence = _ELISION.sub(lambda match: match.group(1)[:-1] + "'", sentence)
    for pattern, replacement in _CONTRACTIONS:
        sentence = pattern.sub(replacement, sentence)
    start = 2 if sentence.startswith("« ") else 0
    return sentence[:start] + sentence[start : start + 1].upper() + sentence[start + 1 :] + "."
