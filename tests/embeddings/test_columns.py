"""embedding: columns, of numbers with gaps, names and dates; all learned of training rows."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

import numpy as np
import pytest
from problems import contents_of, corpus_of
from sklearn.preprocessing import StandardScaler

from ballast.embeddings import columns
from ballast.project import storage
from ballast.project.errors import UserError
from ballast.texts.corpus import Corpus

ROWS = 60
TRAINING = np.arange(ROWS) < 40
GAP = np.nan


def some_rows(seed: int, training=TRAINING) -> Corpus:
    """Return rows of two numbers, two categories and two dates, a fifth of each missing."""
    rng = np.random.default_rng(seed)
    missing = rng.random((6, ROWS)) < 0.2
    numbers = np.where(missing[:2], GAP, rng.normal(3, 50, (2, ROWS)))
    names = np.where(missing[2:4], None, rng.choice(list("abcdefgh"), (2, ROWS)).astype(object))
    dates = np.where(missing[4:], GAP, rng.uniform(-30_000, 30_000, (2, ROWS)))
    contents = contents_of(numbers=numbers.T, categories=names.T, dates=dates.T)
    return corpus_of(contents, training)


def rows_of(corpus: Corpus, rows: np.ndarray) -> Corpus:
    parts = ("numbers", "categories", "dates", "training")
    return replace(corpus, **{name: getattr(corpus, name)[rows] for name in parts})


def reader_of(embedded, folder):
    storage.write_json(folder / "columns.json", embedded.kept["columns"])
    return columns.reader(folder, {})


@pytest.mark.parametrize("seed", range(5))
def test_prediction_reads_rows_as_the_stage_did_to_the_bit(seed, tmp_path):
    corpus = some_rows(seed)
    embedded = columns.embed(corpus, 0, smallest=4)
    read = reader_of(embedded, tmp_path)
    assert embedded.values.dtype == np.float32
    assert read(corpus).tobytes() == embedded.values.tobytes()
    for row in range(ROWS):
        assert read(rows_of(corpus, [row])).tobytes() == embedded.values[row].tobytes()


@pytest.mark.parametrize("seed", range(5))
def test_all_is_learned_of_training_rows(seed):
    first, second = some_rows(seed), some_rows(seed + 100)
    names = ("numbers", "categories", "dates")
    mixed = {
        name: np.where(TRAINING[:, None], getattr(first, name), getattr(second, name))
        for name in names
    }
    one, other = (columns.embed(rows, 0) for rows in (first, replace(first, **mixed)))
    assert one.kept == other.kept
    np.testing.assert_array_equal(one.values[TRAINING], other.values[TRAINING])


def test_numbers_have_mean_0_and_variance_1_and_gaps_stay():
    corpus = some_rows(0)
    values = columns.embed(corpus, 0).values[:, :4]
    numbers = np.hstack([corpus.numbers, corpus.dates])
    expected = StandardScaler().fit(numbers[TRAINING]).transform(numbers)
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(np.isnan(values), np.isnan(numbers))


def test_a_column_with_gaps_among_training_rows_has_another_that_says_where():
    numbers = np.arange(ROWS * 2.0).reshape(ROWS, 2)
    numbers[[3, 50], 0] = GAP
    numbers[55, 1] = GAP
    values = columns.embed(corpus_of(contents_of(numbers=numbers), TRAINING), 0).values
    assert values.shape == (ROWS, 3)
    np.testing.assert_array_equal(np.flatnonzero(values[:, 2]), [3, 50])


def test_rare_names_and_new_ones_share_a_column_or_have_none():
    names = np.array([*"aaaaabbbbb", None, None, None, None, None, "c", *"abxb", None])[:, None]
    rows = corpus_of(contents_of(categories=names), np.arange(len(names)) < 16)

    def coded(**options) -> list[list[float]]:
        return columns.embed(rows, 0, **options).values[[0, 5, 10, 15, 18, 20]].tolist()

    # The columns: gaps, a, b, and c with all others.
    gap, a, b, other = np.eye(4).tolist()
    assert coded() == [a, b, gap, other, other, gap]
    # Of equally frequent ones, those first in order.
    gap, a, other = np.eye(3).tolist()
    assert coded(most=2) == [a, other, gap, other, other, gap]
    gap, a, b, c = np.eye(4).tolist()
    assert coded(smallest=1) == [a, b, gap, c, [0, 0, 0, 0], gap]


@pytest.mark.parametrize("start", [datetime(1967, 12, 30), datetime(2024, 2, 27, 23, 59, 59)])
def test_dates_are_days_weekdays_and_months(start):
    dates = [start + timedelta(days=17 * row, hours=row % 24) for row in range(ROWS)]
    days = [[(date - datetime(1970, 1, 1)) / timedelta(days=1)] for date in dates]
    embedded = columns.embed(corpus_of(contents_of(dates=days), TRAINING), 0, smallest=1)
    weekdays, months = embedded.kept["columns"]["names"]
    assert weekdays == list("0123456")
    coded = embedded.values[:, 1:]
    for date, row in zip(dates, coded, strict=True):
        expected = [name == str(date.weekday()) for name in weekdays]
        assert row.tolist() == expected + [name == str(date.month) for name in months]
    mean, scale = (embedded.kept["columns"][name][0] for name in ("mean", "scale"))
    np.testing.assert_allclose(embedded.values[:, :1] * scale + mean, days, rtol=1e-5, atol=0.01)


@pytest.mark.parametrize(
    ("number", "row"), [(1e300, 0), (-1e300, 0), (1e300, ROWS - 1), (1e40, ROWS - 1)]
)
def test_numbers_too_large_are_refused_by_their_column(number, row):
    numbers = np.tile(np.arange(float(ROWS))[:, None] % 7, 3)
    numbers[row, 1] = number
    with pytest.raises(UserError, match="column 2 of the dataset's `features` has numbers too"):
        columns.embed(corpus_of(contents_of(numbers=numbers), TRAINING), 0)


@pytest.mark.parametrize("number", [0.1, 1e15 + 0.3, 0.0])
def test_a_column_of_equal_numbers_is_0(number):
    numbers = np.full((ROWS, 1), number)
    assert not columns.embed(corpus_of(contents_of(numbers=numbers), TRAINING), 0).values.any()


@pytest.mark.parametrize("missing", [kind for kind in product([0, 1], repeat=3) if any(kind)])
def test_gaps_may_be_everywhere(missing, tmp_path):
    """Among training rows, all others, or both, in some kinds of columns or in all."""
    for inside in (TRAINING, ~TRAINING, np.ones(ROWS, dtype=bool)):
        rows = some_rows(1)
        parts = {}
        for name, is_missing in zip(("numbers", "categories", "dates"), missing, strict=True):
            values = getattr(rows, name).copy()
            if is_missing:
                values[inside] = None if values.dtype == object else GAP
            parts[name] = values
        corpus = replace(rows, **parts)
        embedded = columns.embed(corpus, 0)
        values = embedded.values
        assert not np.isinf(values).any()
        np.testing.assert_array_equal(
            np.isnan(values).sum(), np.isnan(np.hstack([corpus.numbers, corpus.dates])).sum()
        )
        np.testing.assert_array_equal(reader_of(embedded, tmp_path)(corpus), values)


@pytest.mark.parametrize("kind", ["numbers", "categories", "dates"])
def test_one_kind_is_enough_and_none_is_refused(kind):
    rows = some_rows(2)
    alone = corpus_of(contents_of(**{kind: getattr(rows, kind)}), TRAINING)
    assert columns.embed(alone, 0).values.shape[0] == ROWS
    with pytest.raises(UserError, match="needs columns"):
        columns.embed(corpus_of(contents_of(["a"] * ROWS), TRAINING), 0)
