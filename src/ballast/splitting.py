"""Split rows into train, validation and test: stratified, whole units, given parts honoured."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.errors import UserError

Share = Annotated[float, Field(gt=0, lt=1)]
TRAIN, VALIDATION, TEST, EXCLUDED = range(4)
PARTS = ("train", "validation", "test", "excluded")


def split(
    targets: np.ndarray,
    units: np.ndarray,
    ids: Sequence[str],
    given: np.ndarray,
    labels: Sequence[str],
    seed: int,
    *,
    validation: Share = 0.1,
    test: Share = 0.2,
) -> np.ndarray:
    """Return the part of each row, shape (rows,): 0 train, 1 validation, 2 test, 3 excluded.

    A unit (rows of one group, or duplicates of each other) goes to one part as a whole. Labels are
    served from the rarest on, each part's share in turn, units in an order that depends on the
    seed and the unit's ids alone, so that new rows move few of the old ones (iterative
    stratification, Sechidis, Tsoumakas and Vlahavas 2011, for whole units).

    Rows with a given part keep it. Where a unit has rows in several given parts, its rows outside
    the last of train, validation, test are excluded: no test row has a twin in training.

    Args:
        targets: multi-hot labels, shape (rows, labels).
        units: unit number of each row, shape (rows,).
        ids: the rows' ids.
        given: given part of each row, -1 where there is none, shape (rows,).
        labels: label names, for messages.
        validation: share of the rows for choosing the epoch and the decision rule.
        test: share of the rows for judging.

    Raises:
        UserError: the shares leave nothing to train on, or a label cannot be in every part.
    """
    if validation + test >= 1:
        raise UserError(
            "params.yaml: split.validation + split.test must be below 1; found "
            f"{validation} + {test}."
        )
    _, units = np.unique(units, return_inverse=True)
    counts = np.zeros((units.max() + 1, targets.shape[1]), dtype=np.int64)
    np.add.at(counts, units, targets)
    latest = np.full(len(counts), -1)
    np.maximum.at(latest, units, given)

    shares = {VALIDATION: validation, TEST: test}
    open_parts = [part for part in (TEST, VALIDATION) if part not in given]
    fixed = {part: counts[latest == part].sum(axis=0) for part in (TRAIN, VALIDATION, TEST)}
    parts = latest.copy()
    free = latest == -1
    if open_parts and TRAIN in given:
        # Only some parts are given (train and test, say): the others are cut out of train.
        free |= latest == TRAIN
        fixed[TRAIN][:] = 0
    _check_units(counts[free], fixed, open_parts, labels)
    order = _order(units, ids, seed, free)
    parts[free] = TRAIN
    _fill(parts, counts, order, {part: shares[part] for part in open_parts})
    _check_parts(parts, counts, labels)

    result = parts[units]
    result[(given >= 0) & (given != latest[units])] = EXCLUDED
    return result


def _order(units: np.ndarray, ids: Sequence[str], seed: int, free: np.ndarray) -> np.ndarray:
    """Return the free units in the order of a hash of the seed and their ids."""
    smallest: dict[int, str] = {}
    for unit, name in zip(units.tolist(), ids, strict=True):
        if unit not in smallest or name < smallest[unit]:
            smallest[unit] = name
    keys = {
        unit: blake2b(f"{seed} {name}".encode(), digest_size=8).digest()
        for unit, name in smallest.items()
        if free[unit]
    }
    return np.array(sorted(keys, key=lambda unit: keys[unit]), dtype=np.int64)


def _fill(
    parts: np.ndarray,
    counts: np.ndarray,
    order: np.ndarray,
    shares: dict[int, float],
) -> None:
    """Move units from train to the other parts until each has its share of every label.

    Units fill the test part first, then validation: where one goes hardly changes when rows are
    added. Before them, those too large for half a part go where most is wanting, so a huge one
    stays in train. A label's last units go to the parts that have none of it yet.
    """
    totals = counts[order].sum(axis=0)
    wanted = {part: np.maximum(share * totals, 1.0) for part, share in shares.items()}
    wanted[TRAIN] = (1 - sum(shares.values())) * totals
    weights = 1 / np.maximum(totals, 1)
    limits = np.maximum(min(shares.values(), default=0) * totals / 2, 1)
    waiting = np.ones(len(counts), dtype=bool)
    for label in np.argsort(totals, kind="stable"):
        having = order[counts[order, label] > 0]
        lacking = set(wanted) - set(parts[having[~waiting[having]]].tolist())
        queue = having[waiting[having]]
        sizes = counts[queue, label]
        queue = queue[np.argsort(-np.where(sizes > limits[label], sizes, 0), kind="stable")]
        for left, unit in zip(range(len(queue), 0, -1), queue, strict=True):
            size = counts[unit]
            large = size[label] > limits[label]
            last = left <= len(lacking)
            for part in sorted(wanted, key=lambda p: -wanted[p][label]) if large else wanted:
                need = wanted[part]
                helps = (np.abs(need - size) - np.abs(need)) @ weights < 0
                fits = part == TRAIN or (helps and need[label] >= size[label] / 2)
                if part in lacking if last else fits:
                    parts[unit] = part
                    need -= size
                    lacking.discard(part)
                    break
            waiting[unit] = False


def _check_units(
    free: np.ndarray, fixed: dict[int, np.ndarray], open_parts: list[int], labels: Sequence[str]
) -> None:
    """Refuse labels with fewer units than parts that need one."""
    needed = len(open_parts) + (fixed[TRAIN] == 0)
    found = (free > 0).sum(axis=0)
    for label in np.flatnonzero(found < needed * (len(free) > 0)):
        raise UserError(
            f"class {labels[label]!r} has too few rows to split: {found[label]} independent row(s) "
            f"or group(s) (duplicates and groups stay together), but {needed[label]} are needed, "
            "one for each part to fill. Add rows, give the class another name "
            "under `label_names` to merge it, or drop `group` in the dataset's block in "
            "params.yaml if rows of one group may stand on both sides."
        )


def _check_parts(parts: np.ndarray, counts: np.ndarray, labels: Sequence[str]) -> None:
    for part in (TRAIN, VALIDATION, TEST):
        missing = np.flatnonzero(counts[parts == part].sum(axis=0) == 0)
        # A given test may lack a class; training without one, or an empty part, can't be judged.
        if (part == TRAIN and len(missing)) or len(missing) == len(labels):
            names = ", ".join(labels[i] for i in missing)
            raise UserError(
                f"after the split, {PARTS[part]} has no row of: {names}. Change split.validation, "
                "split.test or seed in params.yaml, or the given parts."
            )
