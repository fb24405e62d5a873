"""Labels as people write them become names; what is odd about them is told."""

import pytest

from ballast.labels.classes import LabelSet
from ballast.project.errors import UserError
from ballast.rows.cleaning import Content, Row, Rows, settle
from ballast.rows.dataset import Dataset
from ballast.rows.labelling import label_set, spellings, written

NAMES = {"0": "a", "1": "b", "2": "c"}


def block(**options):
    return Dataset(**{"files": "-", "text": "text", "label": "label"} | options)


def settled(values, names=None, **options):
    """Return the labels of rows whose label fields are these, whether several, and the notes."""
    dataset = block(**options)
    rows = [Row("-", 1, None, Content("x"), written({"label": v}, dataset)) for v in values]
    done, several, notes = settle(Rows(rows), dataset, names)
    return [row.labels for row in done.kept], several, notes


def refused(values, names=None, **options):
    with pytest.raises(UserError) as error:
        settled(values, names, **options)
    return str(error.value)


@pytest.mark.parametrize(
    ("value", "options", "labels"),
    [
        ("b; a;;b ", {"label_separator": ";"}, ("a", "b")),
        ("; ", {"label_separator": ";"}, ()),
        (["b", "a", None, "b"], {}, ("a", "b")),
        ([], {}, ()),
        ("b; a", {}, ("b; a",)),
        (None, {}, None),
        ("", {}, None),
        *[
            (text, {"label_list": True}, ("a", "b"))
            for text in (
                "['a', 'b']",
                '["b", "a"]',
                "('a', 'b')",
                "{'a', 'b'}",
                "['a' 'b']",
                "[a, b]",
                ["a", "b"],
            )
        ],
        ("[1 2]", {"label_list": True}, ("1", "2")),
        ("a, b", {"label_list": True}, ("a, b",)),
        ("(tv) news", {"label_list": True}, ("(tv) news",)),
        ("[]", {"label_list": True}, ()),
        ("", {"label_list": True}, ()),
    ],
)
def test_the_labels_of_a_field(value, options, labels):
    found = written({"label": value}, block(**options))
    assert found == labels or tuple(sorted(set(found))) == labels


def test_columns_of_0_and_1_are_labels_each():
    fields = {"toxic": "1", "insult": False, "threat": 1.0, "spam": "yes"}
    assert written(fields, block(label=[*fields])) == ("toxic", "threat", "spam")


def test_rows_without_a_label_are_rows_where_rows_may_have_several():
    assert settled([["a"], ["a", "b"], [], None]) == ([("a",), ("a", "b"), (), ()], True, [])
    assert settled(["a", "b", None]) == ([("a",), ("b",)], False, [])
    assert settled(["a", None], task="multilabel") == ([("a",), ()], True, [])
    assert settled([["a"], ["b"]])[1] is False


@pytest.mark.parametrize(
    "vectors",
    [
        [[0, 1, 0], [1, 1, 0], []],
        [[0.0, 1.0, 0.0], [1.0, 1, 0], []],
        [[False, True, False], [True, True, False], []],
        [["0", "1", "0"], ["1", "1", "0"], []],
    ],
)
def test_vectors_of_0_and_1_are_read_by_their_names_or_refused(vectors):
    assert settled(vectors, NAMES)[0] == [("b",), ("a", "b"), ()]
    for names in (None, {"0": "a"}, NAMES | {"3": "d"}):
        message = refused(vectors, names)
        assert "lists of 3 numbers that are 0 or 1" in message
        assert "label_names" in message


def test_vectors_of_several_lengths_are_refused_and_lists_of_numbers_are_not_vectors():
    assert "2 to 3 entries" in refused([[0, 1, 0], [1, 1]], NAMES)
    assert settled([[0], [1], [0, 1]], NAMES)[0] == [("a",), ("b",), ("a", "b")]
    assert settled([[0], [1]])[0] == [("0",), ("1",)]


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (["['a', 'b']", "['a']", "c"], {}),
        (["['a' 'b']", "['a']"], {}),
        (["[a, b]", "[a]", "[]"], {}),
        (["[0 1]", "[1 1]"], {}),
        (["['a', 'b']", "['b']"], {"label_separator": ","}),
    ],
)
def test_lists_written_as_strings_are_refused_with_the_option_that_reads_them(values, options):
    assert "`label_list: true`" in refused(values, **options)
    assert settled(values, label_list=False, **options)[2] == []


@pytest.mark.parametrize(
    "values", [["[other]", "bug"], ["(1)", "(2)"], ["(it's)", "{'"], ["{x", "[y", "]"]]
)
def test_names_in_brackets_are_names(values):
    assert settled(values)[0] == [(value,) for value in values]


def test_label_names_rename_what_they_list_and_the_rest_is_told():
    labels, _, notes = settled(["x", "y", "z", "z"], {"x": "one", "y": "one", "w": "none"})
    assert labels == [("one",), ("one",), ("z",), ("z",)]
    assert notes == [
        'labels that label_names does not list stay as they are: "z" (2)',
        "label_names has names of labels that no row has: none",
    ]
    assert settled([["0", "1"], ["2"]], NAMES)[0] == [("a", "b"), ("c",)]


def test_yaml_numbers_and_truth_values_are_names():
    dataset = block(label=2019, label_names={True: 2, 1.5: False}, positive=1, text=[1])
    assert (dataset.label, dataset.label_names) == ("2019", {"true": "2", "1.5": "false"})
    assert (dataset.positive, dataset.texts) == ("1", ["1"])


def test_rare_labels_become_another_or_their_rows_are_left_out():
    values = ["a"] * 4 + ["b"] * 3 + ["c", "d"]
    rare = {"below": 3, "into": "other"}
    labels, _, notes = settled(values, rare=rare)
    assert labels[-2:] == [("other",), ("other",)]
    assert notes == ['labels with fewer than 3 rows are \'other\' now: "c" (1), "d" (1)']
    labels, _, notes = settled(values, rare={"below": 3, "drop": True})
    assert labels == [("a",)] * 4 + [("b",)] * 3
    assert "are left out" in notes[0]
    # A row that has another label stays.
    assert settled([["a", "b"], ["a"], ["a"]], rare={"below": 2, "drop": True})[0] == [("a",)] * 3


@pytest.mark.parametrize(
    ("names", "alike"),
    [
        (["spam", "Spam", " spam", "sp\u200bam", "SPAM"], True),
        (["e-mail", "email", "e_mail", "e mail"], True),
        (["1", "1.0", "01", "1."], True),
        (["ﬁne", "fine"], True),
        (["-1", "1"], False),
        (["1-2", "12"], False),
        (["c", "c++"], False),
        (["été", "ete"], False),
    ],
)
def test_names_that_are_likely_one_are_told(names, alike):
    counts = {name: 10 - number for number, name in enumerate(names)}
    assert list(spellings(counts)) == ([names] if alike else [])


def test_the_line_that_merges_names_is_told():
    notes = settled(["spam", "spam", "Spam", "sp\u200bam"])[2]
    assert notes == [
        'labels that may be one: "spam" (2), "Spam" (1), "sp\\u200bam" (1); '
        '`label_names: {"Spam": "spam", "sp\\u200bam": "spam"}` merges them'
    ]


def labelled(*labels, **options):
    """Return the label set of rows with these labels, several separated by a space."""
    dataset = block(label_separator=" ", **options)
    rows, several, _ = settled(labels, label_separator=" ", **options)
    return label_set(rows, several, dataset)


def test_the_task_is_inferred_from_the_labels_and_can_be_set():
    assert labelled("a", "b", "a") == LabelSet("binary", ("a", "b"), "b")
    assert labelled("b", "a").positive == "a"
    assert labelled("a", "b", positive="a").positive == "a"
    assert labelled("c", "b", "a") == LabelSet("multiclass", ("a", "b", "c"))
    assert labelled("a b", "b") == LabelSet("multilabel", ("a", "b"))
    assert labelled("a", "b", "") == LabelSet("multilabel", ("a", "b"))
    assert labelled("a", "b", task="multilabel").task == "multilabel"
    assert labelled("a", "b", "c", task="multilabel").task == "multilabel"
    assert labelled("a", "b", task="binary").task == "binary"
    assert labelled("a", "b", task="multiclass").task == "multiclass"


@pytest.mark.parametrize(
    ("labels", "options", "needles"),
    [
        (["a", "a"], {}, ["one class only", "'a'"]),
        (["a", "a"], {"task": "multilabel"}, ["one class only"]),
        ([""], {"task": "multilabel"}, ["no row has a label"]),
        (["a", "b", "c"], {"task": "binary"}, ["task is set to binary", "multiclass"]),
        (["a b", "c"], {"task": "multiclass"}, ["task is set to multiclass", "multilabel"]),
        (["a", "b"], {"positive": "c"}, ["positive: 'c'", "['a', 'b']"]),
        (["a", "b", "c"], {"positive": "c"}, ["positive: 'c'", "multiclass"]),
    ],
)
def test_a_task_that_does_not_fit_the_labels_is_refused(labels, options, needles):
    with pytest.raises(UserError) as error:
        labelled(*labels, **options)
    assert all(needle in str(error.value) for needle in needles)
