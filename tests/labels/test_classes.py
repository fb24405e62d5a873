"""The label set, the classes of some rows, and the split by name."""

import numpy as np
import pyarrow as pa
import pytest
from problems import classes_of, one_hot

from ballast.labels import parts
from ballast.labels.classes import LabelSet, labels_of, multi_hot, text_of, texts_of
from ballast.labels.parts import EXCLUDED, SPARE, TEST, TRAIN, VALIDATION, Split
from ballast.project.errors import UserError


@pytest.mark.parametrize(
    "task",
    [
        LabelSet("binary", ("ham", "spam"), "spam"),
        LabelSet("binary", ("ham", "spam")),
        LabelSet("multiclass", ("a", "é", "z|")),
        LabelSet("multilabel", ("a", "b")),
    ],
)
def test_a_label_set_comes_back_from_its_file(task, tmp_path):
    task.save(tmp_path / "classes.json")
    assert LabelSet.load(tmp_path / "classes.json") == task


def test_the_classes_are_those_of_the_rows():
    targets = one_hot([0, 0, 0, 1], 2)
    classes = LabelSet("binary", ("ham", "spam"), "spam").classes(targets)
    assert (classes.names, classes.rows, classes.positive) == (("ham", "spam"), 4, 1)
    assert classes.counts.tolist() == [3, 1]
    assert classes.prior.tolist() == [0.75, 0.25]
    assert not classes.multilabel
    assert LabelSet("multilabel", ("a", "b")).classes(targets).multilabel


def test_options_by_class_name_are_an_array():
    classes = classes_of(one_hot([0, 1, 2], 3))
    np.testing.assert_array_equal(classes.by_name({"c": 2.0}, 1.0, "x"), [1, 1, 2])
    np.testing.assert_array_equal(classes.by_name(None, 0.5, "x"), [0.5, 0.5, 0.5])
    with pytest.raises(UserError, match=r"params\.yaml: losses\.focal\.alpha: 'z' is no class"):
        classes.by_name({"z": 2.0}, 1.0, "losses.focal.alpha")


def test_labels_are_multi_hot_and_text():
    labels = pa.chunked_array([[[0], [], [1, 2]], [[2]]], pa.list_(pa.int32()))
    matrix = multi_hot(labels, 3)
    assert matrix.dtype == np.uint8
    np.testing.assert_array_equal(matrix, [[1, 0, 0], [0, 0, 0], [0, 1, 1], [0, 0, 1]])
    assert texts_of(matrix, "abc", True) == ['["a"]', "[]", '["b", "c"]', '["c"]']
    assert texts_of(matrix[[0, 3]], "abc", False) == ["a", "c"]
    assert texts_of(matrix[:0], "abc", True) == []


@pytest.mark.parametrize("labels", [["a|b"], ["a", "b"], [], ['"', "[é]", ", "]])
def test_labels_come_back_from_their_text(labels):
    assert labels_of(text_of(labels, True), True) == labels
    assert labels_of(text_of([*labels, "a"], False), False) == [*labels, "a"][:1]


@pytest.mark.parametrize("text", ["a", "", "a|b", '{"a": 1}', "[1]", '"a"'])
def test_a_text_that_is_no_list_of_labels_is_refused(text):
    with pytest.raises(ValueError, match=r"list|value"):
        labels_of(text, True)


def some_split(folds: bool) -> Split:
    numbers = np.array([TRAIN, VALIDATION, TEST, EXCLUDED, TRAIN])
    return Split(
        ids=list("vwxyz"),
        parts=numbers,
        folds=np.array([0, -1, -1, -1, 1]) if folds else np.full(5, -1),
        targets=np.array([[1, 0], [0, 1], [1, 1], [0, 0], [0, 1]], dtype=np.uint8),
    )


@pytest.mark.parametrize("folds", [False, True])
def test_a_split_comes_back_from_its_file(folds, tmp_path):
    split = some_split(folds)
    parts.save(split, tmp_path / "split")
    back = parts.load(2, tmp_path / "split")
    assert back.ids == split.ids
    for name in ("parts", "folds", "targets"):
        np.testing.assert_array_equal(getattr(back, name), getattr(split, name))


def test_held_out_are_validation_rows_and_training_rows_with_a_fold():
    assert some_split(folds=False).names(some_split(folds=False).held_out) == ["w"]
    split = some_split(folds=True)
    assert split.names(split.held_out) == ["v", "w", "z"]
    assert split.names(split.training) == ["v", "z"]
    assert split.names(split.test) == ["x"]


def test_spare_rows_are_held_out_if_they_have_a_fold_and_never_training_rows(tmp_path):
    for folds, held_out in ((True, ["v", "w", "z"]), (False, ["w"])):
        split = some_split(folds)
        split.parts[4] = SPARE
        parts.save(split, tmp_path / "split")
        back = parts.load(2, tmp_path / "split")
        assert back.names(back.held_out) == held_out
        assert back.names(back.training) == ["v"]
        assert back.sizes == {"train": 1, "validation": 1, "test": 1, "excluded": 1, "spare": 1}


def test_sizes_leave_out_spare_rows_where_there_are_none():
    sizes = {"train": 2, "validation": 1, "test": 1, "excluded": 1}
    assert some_split(folds=True).sizes == sizes
