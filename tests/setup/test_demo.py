"""The demo corpus: reproducible, of the promised sizes, clean, varied, neither easy nor lost."""

import csv
import io
import random
import re
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from ballast.setup import demo

COMMITTED = Path(__file__).parents[2] / "data" / "raw" / "demo" / "demo.csv"
FULL_SIZES = [42399, 13272, 11360, 5990, 4445, 4363, 4141, 2594, 2585]


@pytest.fixture(scope="module")
def corpus() -> list[tuple[str, str]]:
    return demo.generate()


@pytest.fixture(scope="module")
def texts(corpus) -> list[str]:
    return [text for text, _ in corpus]


def test_same_seed_same_corpus_other_seed_other_corpus():
    assert demo.generate(300, seed=4) == demo.generate(300, seed=4)
    assert not set(demo.generate(300, seed=4)) & set(demo.generate(300, seed=5))


def test_generation_leaves_the_global_random_state_alone():
    state = random.getstate()
    demo.generate(20)
    assert random.getstate() == state


def test_full_corpus_has_the_exact_class_sizes():
    assert list(demo.class_sizes(91149).values()) == FULL_SIZES
    assert list(demo.class_sizes(91149)) == demo.labels()


@pytest.mark.parametrize("rows", [9, 10, 57, 1000, 9115, 123456])
def test_class_sizes_sum_up_and_stay_close_to_the_proportions(rows):
    sizes = list(demo.class_sizes(rows).values())
    assert sum(sizes) == rows
    assert min(sizes) >= 1
    if rows >= 1000:
        for size, full in zip(sizes, FULL_SIZES, strict=True):
            assert abs(size - full * rows / 91149) < 1


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match="at least 9"):
        demo.class_sizes(8)
    with pytest.raises(ValueError, match="at least 9"):
        demo.generate(0)


def test_default_corpus_has_its_class_sizes(corpus):
    assert len(corpus) == 9115
    assert Counter(label for _, label in corpus) == demo.class_sizes(9115)


@pytest.fixture(scope="module")
def content(tmp_path_factory) -> bytes:
    """What the generator writes."""
    file = tmp_path_factory.mktemp("written") / "new" / "demo.csv"
    demo.write(file)
    return file.read_bytes()


def test_committed_file_is_what_the_generator_writes(content):
    if not COMMITTED.exists():
        pytest.skip("this project has no demo corpus")
    assert content == COMMITTED.read_bytes()
    assert len(content) < 1_900_000


def test_file_reads_back(corpus, content):
    assert b"\r" not in content
    header, *rows = csv.reader(io.StringIO(content.decode("utf-8"), newline=""))
    assert header == ["text", "label"]
    assert [tuple(row) for row in rows] == corpus


def test_texts_are_clean_sentences(texts):
    for text in texts:
        assert re.match(r"(« )?[A-ZÀÂÉÈÊÎÔŒ]", text), text
        assert text.endswith("."), text
        assert not re.search(r"\s\s|[\t\n\r]|[\[\]{}<>|]|\s[,.]|,,|\.\.|[,:;]\.", text), text


def test_elisions_and_contractions_are_made(texts):
    missed = re.compile(r"\b([dlns]e|la|que) [aeiouàâéèêîô]|\bde (le|les|des)\b|\bà les?\b", re.I)
    for text in texts:
        assert not missed.search(text), text
    joined = " ".join(texts)
    for expected in ("l'entreprise", "d'affaires", " d'un", "qu'", "é", "è", "à", "ê", "É", "À"):
        assert expected in joined


def test_lengths_vary_about_thirty_words(texts):
    lengths = sorted(len(text.split()) for text in texts)
    assert 27 <= median(lengths) <= 32
    assert lengths[0] >= 12
    assert lengths[len(lengths) // 100] <= 14
    assert lengths[-len(lengths) // 100] >= 50


def test_few_near_duplicates(texts):
    assert len({text.casefold() for text in texts}) == len(texts)
    assert len(near_duplicates(texts, 0.8)) < 0.01 * len(texts)


def near_duplicates(texts: list[str], threshold: float) -> set[int]:
    """Return the positions of texts that share `threshold` of their word triples with another.

    Digits are folded too, which is stricter than the triples of the casefolded text.
    """
    words = [re.findall(r"\w+", re.sub(r"\d+", "0", text.casefold())) for text in texts]
    triples = [set(zip(w, w[1:], w[2:], strict=False)) for w in words]
    counts = Counter(triple for each in triples for triple in each)
    seen, close = defaultdict(list), set()
    for i, text in enumerate(triples):
        # Two sets that similar share one of their rarest triples, so only those need looking up.
        rarest = sorted(text, key=lambda triple: (counts[triple], triple))
        candidates = set()
        for triple in rarest[: int((1 - threshold) * len(text)) + 2]:
            if counts[triple] > 1:
                candidates.update(seen[triple])
                seen[triple].append(i)
        for j in candidates:
            if len(text & triples[j]) >= threshold * len(text | triples[j]):
                close |= {i, j}
    return close


def test_the_search_for_near_duplicates_finds_one():
    text = "Le groupe annonce un résultat net de 12 millions d'euros pour son usine de Lyon en mars"
    other = text.replace("12", "15").replace("mars", "mai")
    assert near_duplicates([text, "Un tout autre texte sans rapport", other], 0.8) == {0, 2}


def test_baseline_is_neither_lost_nor_perfect(corpus):
    texts, labels = zip(*corpus, strict=True)
    parts = train_test_split(texts, labels, test_size=0.2, stratify=labels, random_state=0)
    train, test, train_labels, test_labels = parts
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LinearSVC(class_weight="balanced"))
    predicted = model.fit(train, train_labels).predict(test)
    scores = f1_score(test_labels, predicted, average=None, labels=demo.labels())
    assert 0.70 < scores.mean() < 0.90
    assert scores.min() > 0.5
    # The rarest two are to be the hardest on the whole, the largest two the easiest.
    assert scores[-2:].mean() < scores.mean() < scores[:2].mean()
