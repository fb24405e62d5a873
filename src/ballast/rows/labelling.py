"""From the fields of a label to label names: record by record, then over the whole data set."""

import ast
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ballast.labels.classes import LabelSet
from ballast.project.errors import UserError
from ballast.rows.dataset import Dataset
from ballast.rows.fields import FaultError, number, string

# A row's labels; None where a field that is no list is blank.
Labels = tuple[str, ...] | None
FLAGS = {"0": False, "1": True, "false": False, "true": True}
# A list whose entries are not in quotation marks, and one of numbers as NumPy writes it.
PLAIN_LIST = re.compile(r"\[([^\[\]'\"]*)\]")
NUMPY_LIST = re.compile(r"[\d.\s]*")
# Categories of characters that nobody sees in a name.
INVISIBLE = ("Cc", "Cf", "Zs", "Zl", "Zp")
# From this share of the rows on, what looks like lists may be no names.
LISTS = 0.05
# So many names are listed in a message.
SHOWN = 10


def written(fields: Mapping[str, Any], dataset: Dataset) -> Labels:
    """Return a record's labels as they are written, in their order.

    Raises:
        FaultError: a field is no label, or no list of labels where one is expected.
    """
    if isinstance(dataset.label, list):
        return tuple(name for name in dataset.label if _is_set(fields.get(name), name))
    value = fields.get(dataset.label)
    if dataset.label_list and not isinstance(value, list):
        value = _parsed(string(value, "label"))
    elif dataset.label_separator and not isinstance(value, list):
        value = string(value, "label").split(dataset.label_separator)
    if isinstance(value, list):
        return tuple(filter(None, (string(item, "label") for item in value)))
    label = string(value, "label")
    return (label,) if label else None


def _is_set(value: Any, column: str) -> bool:
    with suppress(FaultError):
        if (flag := number(value, column)) in (0, 1):
            return bool(flag)
    raise FaultError(f"label {column} is neither 0 nor 1: {value!r}")


def _parsed(text: str) -> list:
    """Return a list that was written as a string; of "" an empty one, of a name one of it.

    Raises:
        FaultError: it begins like a list and is none.
    """
    if not text.startswith(("[", "(", "{")):
        return [text] if text else []
    # NumPy has no commas: ['a' 'b']
    with_commas = re.sub(r"(?<=['\"])\s+(?=['\"])", ", ", text)
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(with_commas)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
        if isinstance(value, list | tuple | set):
            return list(value)
    if plain := PLAIN_LIST.fullmatch(text):
        entries = plain[1]
        return entries.split() if NUMPY_LIST.fullmatch(entries) else entries.split(",")
    if text.startswith("["):
        raise FaultError(f"label is no list: {text!r}")
    return [text]


def named(
    labels: Sequence[Labels], dataset: Dataset, names: Mapping[str, str] | None
) -> list[Labels]:
    """Return the labels as `label_names` has them, each once, sorted.

    Args:
        labels: of each row, as written.
        dataset: the block.
        names: label as written -> its name; what it does not list stays.

    Raises:
        UserError: lists that are written as strings, multi-hot vectors without names.
    """
    if isinstance(dataset.label, str):
        _refuse_strings(labels, dataset)
        if lengths := _hot_lengths(labels):
            entries = _names_of_hot(lengths, names, dataset.label)
            return [row and _ones(row, entries) for row in labels]
    renamed = names or {}
    done = {
        row: None if row is None else tuple(sorted({renamed.get(name, name) for name in row}))
        for row in set(labels)
    }
    return [done[row] for row in labels]


def _refuse_strings(labels: Sequence[Labels], dataset: Dataset) -> None:
    """Raise a `UserError` where labels are lists written as strings, and nobody says what to do."""
    if dataset.label_list is not None:
        return
    between = dataset.label_separator or ""
    counts = Counter(between.join(row) for row in labels if row)
    lists = {text: count for text, count in counts.items() if is_list(text)}
    if sum(lists.values()) > LISTS * counts.total():
        instead = " in place of `label_separator`" if between else ""
        raise UserError(
            f"params.yaml: label: {dataset.label!r} holds lists that are written as strings, as in "
            f"{max(lists, key=len)!r}: set `label_list: true` in the dataset's block{instead}, and "
            "each entry is a label; or `label_list: false`, and each whole string is one."
        )


def is_list(text: str) -> bool:
    """Return whether a text is a list rather than a name in brackets."""
    if text[:1] + text[-1:] not in ("[]", "()", "{}"):
        return False
    try:
        entries = _parsed(text)
    except FaultError:
        return False
    return entries != [text] and (len(entries) != 1 or "'" in text or '"' in text)


def _hot_lengths(labels: Sequence[Labels]) -> set[int]:
    """Return the lengths of multi-hot vectors; none where labels are names.

    They are vectors if all entries are 0 or 1 and all have equally many entries, or one has an
    entry twice.
    """
    rows = set(filter(None, labels))
    lengths = set(map(len, rows))
    if not rows or lengths == {1} or not all(FLAGS.keys() >= set(row) for row in rows):
        return set()
    return lengths if len(lengths) == 1 or any(len(row) > len(set(row)) for row in rows) else set()


def _ones(flags: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of a vector's ones, sorted."""
    return tuple(sorted(name for name, flag in zip(names, flags, strict=True) if FLAGS[flag]))


def _names_of_hot(lengths: set[int], names: Mapping[str, str] | None, column: str) -> list[str]:
    if len(lengths) > 1:
        raise UserError(
            f"params.yaml: label: {column!r} holds lists of 0 and 1 that have {min(lengths)} to "
            f"{max(lengths)} entries. Give all of them one entry for each label, or write the "
            "labels' names."
        )
    (length,) = lengths
    if names is not None and set(names) == set(map(str, range(length))):
        return [names[str(entry)] for entry in range(length)]
    raise UserError(
        f"params.yaml: label: {column!r} holds lists of {length} numbers that are 0 or 1, one for "
        "each label. Name these labels under `label_names`, in a text file with one name a line "
        f"or as {{0: first, ..., {length - 1}: last}}."
    )


def is_multilabel(labels: Iterable[Labels], dataset: Dataset) -> bool:
    """Return whether a row may have several labels, or none: as set, or as rows do."""
    if dataset.task is not None:
        return dataset.task == "multilabel"
    return any(row is not None and len(row) != 1 for row in labels)


def without_rare(
    labels: Sequence[tuple[str, ...]], dataset: Dataset
) -> tuple[list[tuple[str, ...]], dict[str, int]]:
    """Return the labels as `rare` has them, and the numbers of rows of those that were too few.

    Where these are dropped, a row may have no label left.
    """
    if dataset.rare is None:
        return list(labels), {}
    counts = counted(labels)
    rare = {name: count for name, count in counts.items() if count < dataset.rare.below}
    into = () if dataset.rare.drop else (dataset.rare.into,)
    return [
        tuple(sorted({new for name in row for new in (into if name in rare else (name,))}))
        for row in labels
    ], rare


def counted(labels: Iterable[Labels]) -> Counter[str]:
    """Return the number of rows with each label."""
    counts: Counter[str] = Counter()
    for row, count in Counter(labels).items():
        counts.update(dict.fromkeys(row or (), count))
    return counts


def label_set(labels: Sequence[tuple[str, ...]], multilabel: bool, dataset: Dataset) -> LabelSet:
    """Return the task, the label names in order, and a binary task's positive class.

    Raises:
        UserError: one label only, or `task` or `positive` does not fit the labels.
    """
    counts = counted(labels)
    if len(counts) < 2:
        found = [f"one class only: every usable row has the label {name!r}" for name in counts]
        raise UserError(
            f"{(found or ['no row has a label'])[0]}. Check `label: {dataset.label}` in the "
            "dataset's block in params.yaml, and the rejected rows in data/prepared/rejected.csv."
        )
    several = any(len(row) > 1 for row in labels)
    inferred = "multilabel" if multilabel else "binary" if len(counts) == 2 else "multiclass"
    task = dataset.task or inferred
    if (several and task != "multilabel") or (task == "binary" and inferred != "binary"):
        found = "multilabel" if several else inferred
        raise UserError(
            f"params.yaml: task is set to {task}, but the labels are {found}: {len(counts)} "
            f"labels, {'several' if several else 'one'} per row. Correct `task` or leave it out."
        )
    names = sorted(counts)
    if task == "binary":
        positive = dataset.positive or min(names, key=lambda name: (counts[name], name))
        if positive not in names:
            raise UserError(f"params.yaml: positive: {positive!r} is not one of {names}.")
        return LabelSet(task, tuple(names), positive)
    if dataset.positive is not None:
        raise UserError(
            f"params.yaml: positive: {dataset.positive!r} is for binary tasks, but the labels are "
            f"{task}: {', '.join(names)}. Leave it out."
        )
    return LabelSet(task, tuple(names))


def notes(
    labels: Sequence[Labels],
    dataset: Dataset,
    names: Mapping[str, str] | None,
    rare: Mapping[str, int],
) -> Iterator[str]:
    """Yield what a reader should know of the label names.

    Args:
        labels: of each row, named.
        dataset: the block.
        names: label as written -> its name.
        rare: number of rows of each label that was too rare.
    """
    counts = counted(labels)
    if names is not None:
        others = {name: counts[name] for name in counts if name not in names.values()}
        if others:
            yield f"labels that label_names does not list stay as they are: {listed(others)}"
        if unused := sorted(set(names.values()) - set(counts)):
            yield f"label_names has names of labels that no row has: {', '.join(unused[:SHOWN])}"
    if rare:
        became = "are left out" if dataset.rare.drop else f"are {dataset.rare.into!r} now"
        yield f"labels with fewer than {dataset.rare.below} rows {became}: {listed(rare)}"
    for alike in spellings(counts):
        first, *others = map(_quoted, alike)
        merging = ", ".join(f"{other}: {first}" for other in others)
        numbers = listed({name: counts[name] for name in alike})
        yield f"labels that may be one: {numbers}; `label_names: {{{merging}}}` merges them"


def listed(counts: Mapping[str, int]) -> str:
    """Return names with their numbers of rows in words, the largest first."""
    order = sorted(counts, key=lambda name: (-counts[name], name))
    shown = ", ".join(f"{_quoted(name)} ({counts[name]:,})" for name in order[:SHOWN])
    return shown + (f" and {len(order) - SHOWN:,} more" if len(order) > SHOWN else "")


def _quoted(name: str) -> str:
    """Return a name as YAML takes it, in which invisible characters can be seen."""
    return json.dumps(name, ensure_ascii=not name.isprintable())


def spellings(counts: Mapping[str, int]) -> Iterator[list[str]]:
    """Yield names that are likely one: alike but for case, blanks, hyphens or number format.

    The most frequent spelling comes first.
    """
    alike = defaultdict(list)
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        alike[folded(name)].append(name)
    return (each for each in alike.values() if len(each) > 1)


def folded(name: str) -> str:
    """Return what names that are likely one have in common."""
    text = unicodedata.normalize("NFKC", name).casefold()
    text = "".join(c for c in text if unicodedata.category(c) not in INVISIBLE)
    if re.fullmatch(r"[+-]?\d+(\.\d*)?", text, re.ASCII):
        # 1, 1.0 and 01
        return repr(float(text))
    return re.sub(r"(?<=[^\W\d_])[-_]+(?=[^\W\d_])", "", text)
