"""Split rows into train, validation and test: stratified, whole units, given parts honoured."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.parts import EXCLUDED, PARTS, TEST, TRAIN, VALIDATION
from ballast.project.errors import UserError

Share = Annotated[float, Field(gt=0, lt=1)]
# Units of each label left in train when a part is cut out: after the test part, whose rows are not
# to depend on it, a validation part may follow.
KEPT_BACK = {TEST: 2, VALIDATION: 1}


def split(
    targets: np.ndarray,
    units: np.ndarray,
    ids: Sequence[str],
    given: np.ndarray,
    labels: Sequence[str],
    seed: int,
    *,
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    test: Share = 0.2,
    folds: Annotated[int, Field(ge=1)] = 5,
) -> tuple[np.ndarray, np.ndarray]:
    """Return part and fold of each row, both of shape (rows,).

    Parts are 0 train, 1 validation, 2 test, 3 excluded. A unit (rows of one group, or duplicates of
    each other) goes to one part as a whole. Labels are served from the rarest on, units in an order
    that depends on the seed and the unit's ids alone, so that new rows move few of the old ones
    (iterative stratification, Sechidis, Tsoumakas and Vlahavas 2011, for whole units). The test
    rows are the same whatever `validation` and `folds` are.

    Rows with a given part keep it; with `validation: 0` those given for validation join train.
    Where a unit has rows in several given parts, its rows outside the last of train, validation,
    test are excluded: no test row has a twin in training.

    Folds are numbers from 0 on for training rows, stratified likewise; -1 for all other rows, and
    for all if there is one fold.

    Args:
        targets: multi-hot labels, shape (rows, labels).
        units: unit number of each row, shape (rows,).
        ids: the rows' ids.
        given: given part of each row, -1 where there is none, shape (rows,).
        labels: label names, for messages.
        validation: share of the rows that choose epoch, calibration and decision rule, and that
            nothing is trained on.
        test: share of the rows for judging.
        folds: above 1, as many networks are trained, each without the training rows of a fold,
            which choose as validation rows do; what predicts is the mean of the networks.

    Raises:
        UserError: the shares leave nothing to train on, or to choose by; a label cannot be in every
            part; there are more folds than units.
    """
    if validation + test >= 1:
        raise UserError(
            "params.yaml: split.validation + split.test must be below 1; found "
            f"{validation} + {test}."
        )
    if not validation:
        if folds == 1:
            raise UserError(
                "params.yaml: split.validation is 0 and split.folds is 1, so no rows are left to "
                "choose epoch and decision rule by. Set validation to 0.1, say, or folds to 5."
            )
        given = np.where(given == VALIDATION, TRAIN, given)
    _, units = np.unique(units, return_inverse=True)
    counts = np.zeros((units.max() + 1, targets.shape[1]), dtype=np.int64)
    np.add.at(counts, units, targets)
    latest = np.full(len(counts), -1)
    np.maximum.at(latest, units, given)

    shares = {TEST: test, VALIDATION: validation} if validation else {TEST: test}
    open_parts = [part for part in shares if part not in given]
    fixed = {part: counts[latest == part].sum(axis=0) for part in (TRAIN, VALIDATION, TEST)}
    parts = latest.copy()
    free = latest == -1
    if open_parts and TRAIN in given:
        # Only some parts are given (train and test, say): the others are cut out of train.
        free |= latest == TRAIN
        fixed[TRAIN][:] = 0
    _check_units(counts[free], fixed, open_parts, labels)
    order = _order(units, ids, seed)
    ours = order[free[order]]
    parts[free] = TRAIN
    for part in open_parts:
        wanted = shares[part] * counts[ours].sum(axis=0)
        _fill(parts, counts, ours[parts[ours] == TRAIN], part, wanted)
    _check_parts(parts, counts, labels, (TRAIN, *shares))

    found = np.full(len(parts), -1)
    if folds > 1:
        learnt = order[parts[order] == TRAIN]
        if len(learnt) < folds:
            raise UserError(
                f"params.yaml: split.folds is {folds}, and there are {len(learnt)} independent "
                "training rows or groups. Lower it."
            )
        found[learnt] = _deal(counts[learnt], np.bincount(units)[learnt], folds)
    result = parts[units]
    excluded = (given >= 0) & (given != latest[units])
    result[excluded] = EXCLUDED
    return result, np.where(excluded, -1, found[units])


def _order(units: np.ndarray, ids: Sequence[str], seed: int) -> np.ndarray:
    """Return the units in the order of a hash of the seed and their ids."""
    smallest: dict[int, str] = {}
    for unit, name in zip(units.tolist(), ids, strict=True):
        if unit not in smallest or name < smallest[unit]:
            smallest[unit] = name
    keys = {
        unit: blake2b(f"{seed} {name}".encode(), digest_size=8).digest()
        for unit, name in smallest.items()
    }
    return np.array(sorted(keys, key=lambda unit: keys[unit]), dtype=np.int64)


def _fill(
    parts: np.ndarray, counts: np.ndarray, order: np.ndarray, part: int, wanted: np.ndarray
) -> None:
    """Move units from train to a part until it has what is wanted of every label.

    Where a unit goes hardly changes when rows are added. Units too large for half of what is wanted
    come first and go where most is wanting, so a huge one stays in train. A label's last units go
    to whichever has none of it yet, `KEPT_BACK` of them to train.
    """
    totals = counts[order].sum(axis=0)
    wanted = np.maximum(wanted, 1.0)
    needs = {part: wanted, TRAIN: totals - wanted}
    weights = 1 / np.maximum(totals, 1)
    limits = np.maximum(wanted / 2, 1)
    waiting = np.ones(len(counts), dtype=bool)
    for label in np.argsort(totals, kind="stable"):
        having = order[counts[order, label] > 0]
        placed = parts[having[~waiting[having]]]
        kept = min(KEPT_BACK[part], max(1, len(having) - 1))
        missing = {part: 1 - (placed == part).sum(), TRAIN: kept - (placed == TRAIN).sum()}
        queue = having[waiting[having]]
        sizes = counts[queue, label]
        queue = queue[np.argsort(-np.where(sizes > limits[label], sizes, 0), kind="stable")]
        for left, unit in zip(range(len(queue), 0, -1), queue, strict=True):
            size = counts[unit]
            # Large by this label, or else by the one that it has most too much of.
            large = label if size[label] > limits[label] else np.argmax(size / limits)
            is_large = size[large] > limits[large]
            lacking = {p: few for p, few in missing.items() if few > 0}
            last = left <= sum(lacking.values())
            for place in sorted(needs, key=lambda p: -needs[p][large]) if is_large else needs:
                need = needs[place]
                helps = (np.abs(need - size) - np.abs(need)) @ weights < 0
                fits = place == TRAIN or (helps and need[label] >= size[label] / 2)
                if place in lacking if last else fits:
                    parts[unit] = place
                    need -= size
                    missing[place] -= 1
                    break
            waiting[unit] = False


def _deal(counts: np.ndarray, sizes: np.ndarray, folds: int) -> np.ndarray:
    """Return the fold of each unit: labels from the rarest on, each unit where most is wanting.

    Args:
        counts: rows of each label in a unit, shape (units, labels).
        sizes: rows of each unit.
        folds: number of folds.
    """
    wanted = np.tile(counts.sum(axis=0) / folds, (folds, 1))
    rows = np.full(folds, sizes.sum() / folds)
    found = np.full(len(counts), -1)

    def deal(queue: np.ndarray, need: np.ndarray) -> None:
        for unit in queue:
            fold = np.lexsort((-rows, -need))[0]
            found[unit] = fold
            wanted[fold] -= counts[unit]
            rows[fold] -= sizes[unit]

    for label in np.argsort(counts.sum(axis=0), kind="stable"):
        deal(np.flatnonzero((counts[:, label] > 0) & (found < 0)), wanted[:, label])
    # What has no label at all.
    deal(np.flatnonzero(found < 0), rows)
    return found


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


def _check_parts(
    parts: np.ndarray, counts: np.ndarray, labels: Sequence[str], used: Sequence[int]
) -> None:
    for part in used:
        missing = np.flatnonzero(counts[parts == part].sum(axis=0) == 0)
        # A given test may lack a class; training without one, or an empty part, can't be judged.
        if (part == TRAIN and len(missing)) or len(missing) == len(labels):
            names = ", ".join(labels[i] for i in missing)
            raise UserError(
                f"after the split, {PARTS[part]} has no row of: {names}. Change split.validation, "
                "split.test or seed in params.yaml, or the given parts."
            )
