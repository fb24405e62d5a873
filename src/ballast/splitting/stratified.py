"""Split rows into train, validation and test: stratified, by unit, predefined parts respected."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.parts import EXCLUDED, PARTS, SPARE, TEST, TRAIN, VALIDATION
from ballast.project.errors import UserError
from ballast.splitting.chronological import parts_by_time, periods
from ballast.splitting.learning_share import spare

Share = Annotated[float, Field(gt=0, lt=1)]
# Units of each label that stay in train when a part is filled. The test part leaves one more, since
# a validation part may follow and the test rows must not depend on whether it does.
RESERVED = {TEST: 2, VALIDATION: 1}


def split(
    targets: np.ndarray,
    units: np.ndarray,
    ids: Sequence[str],
    predefined: np.ndarray,
    times: np.ndarray | None,
    labels: Sequence[str],
    run_seed: int,
    *,
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    test: Share = 0.2,
    folds: Annotated[int, Field(ge=1)] = 5,
    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None,
    share: Annotated[float, Field(gt=0, le=1)] = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Return part and fold of each row, both of shape (rows,).

    Parts are 0 train, 1 validation, 2 test, 3 excluded, 4 spare. A unit (rows of one group, or
    duplicates of each other) goes to one part as a whole. Labels are handled from the rarest on,
    units in an order that depends only on a seed and the unit's ids, so that new rows move few
    existing ones (iterative stratification, Sechidis, Tsoumakas and Vlahavas 2011, for whole
    units). The test rows are the same whatever `validation`, `folds` and `share` are, and with a
    `seed` of the split whatever the run's seed is.

    Rows with a predefined part keep it; with `validation: 0` predefined validation rows join train.
    Where a unit has rows in several predefined parts, only those in the last of train, validation,
    test are used and the others excluded: no test row has a duplicate in training.

    Folds are numbered from 0 and stratified in the same way; the fold is -1 for rows outside train,
    and for all rows if there is only one fold.

    With a `share` below 1, the training rows that are not learnt from are spare. They keep the fold
    that they have with share 1: the network of their fold scores them, so the held-out rows are the
    same for each share. With one fold they are not used at all.

    With times, parts are predefined by them: the latest rows test. Folds are periods.

    Args:
        targets: multi-hot labels, shape (rows, labels).
        units: unit number of each row, shape (rows,).
        ids: the rows' ids.
        predefined: predefined part of each row, -1 for none, shape (rows,).
        times: when each row was, shape (rows,), or None.
        labels: label names, for messages.
        run_seed: `seed` at the top of params.yaml. Deals the folds and chooses the spare rows.
        validation: share of the rows that are held out from training to choose epoch, calibration
            and decision rule.
        test: share of the rows for testing.
        folds: above 1, the number of networks; each is trained without one fold of the training
            rows, which is held out like validation rows. Predictions are the networks' mean.
        seed: draws the test and validation rows; None for the run's. With one of the split's own,
            runs that differ in seed have the same test rows. Predefined parts are not drawn.
        share: share of the training units to learn from, in each fold and of each label; one unit
            of every label in each fold at least. A smaller one is a subset of a larger one.

    Raises:
        UserError: the shares leave no training rows or no held-out rows; a label cannot be in every
            part; there are more folds than units.
    """
    if validation + test >= 1:
        raise UserError(
            "params.yaml: split.validation + split.test must be below 1; found "
            f"{validation} + {test}. Lower one of them."
        )
    if not validation:
        if folds == 1:
            raise UserError(
                "params.yaml: split.validation is 0 and split.folds is 1, so no rows are held out "
                "to choose epoch and decision rule. Set validation to 0.1, say, or folds to 5."
            )
        predefined = np.where(predefined == VALIDATION, TRAIN, predefined)
    if times is not None:
        predefined = parts_by_time(times, validation, test)
    _, units = np.unique(units, return_inverse=True)
    # To have no label is stratified like a label.
    targets = np.column_stack([targets, targets.sum(axis=1) == 0])
    counts = np.zeros((units.max() + 1, targets.shape[1]), dtype=np.int64)
    np.add.at(counts, units, targets)
    latest = np.full(len(counts), -1)
    np.maximum.at(latest, units, predefined)

    shares = {TEST: test, VALIDATION: validation} if validation else {TEST: test}
    open_parts = [part for part in shares if part not in predefined]
    parts = latest.copy()
    free = latest == -1
    if open_parts and TRAIN in predefined:
        # Only some parts are predefined (train and test, say): the others are filled from train.
        free |= latest == TRAIN
    fixed = counts[(latest == TRAIN) & ~free].sum(axis=0)
    _check_units(counts[free], fixed, open_parts, labels)
    order = _order(units, ids, run_seed)
    drawn = order if seed is None else _order(units, ids, seed)
    free_units = drawn[free[drawn]]
    parts[free] = TRAIN
    for part in open_parts:
        wanted = shares[part] * counts[free_units].sum(axis=0)
        _fill(parts, counts, free_units[parts[free_units] == TRAIN], part, wanted)
    _check_parts(parts, counts, labels, (TRAIN, *shares))

    unit_folds = np.full(len(parts), -1)
    training = order[parts[order] == TRAIN]
    if folds > 1:
        if len(training) < folds:
            raise UserError(
                f"params.yaml: split.folds is {folds}, and there are {len(training)} independent "
                "training rows or groups. Lower it."
            )
        sizes = np.bincount(units)
        if times is None:
            unit_folds[training] = _deal(counts[training], sizes[training], folds)
        else:
            last = np.full(len(parts), -np.inf)
            np.maximum.at(last, units, times)
            unit_folds[training] = periods(last[training], sizes[training], folds)
    parts[training[spare(counts[training], unit_folds[training], share)]] = SPARE
    excluded = (predefined >= 0) & (predefined != latest[units])
    row_parts = np.where(excluded, EXCLUDED, parts[units])
    return row_parts, np.where(excluded, -1, unit_folds[units])


def _order(units: np.ndarray, ids: Sequence[str], seed: int) -> np.ndarray:
    """Return the units in the order of a hash of the seed and their ids."""
    # The smallest id of each unit: of several, the last one stays.
    smallest = dict(sorted(zip(units.tolist(), ids, strict=True), reverse=True))

    def key(unit: int) -> bytes:
        return blake2b(f"{seed} {smallest[unit]}".encode(), digest_size=8).digest()

    return np.array(sorted(smallest, key=key), dtype=np.int64)


def _fill(
    parts: np.ndarray, counts: np.ndarray, order: np.ndarray, part: int, wanted: np.ndarray
) -> None:
    """Move units from train to a part until it has the wanted number of rows of every label.

    Adding rows hardly changes where a unit goes. Units larger than half the wanted number come
    first and go where most rows are missing, so a huge one stays in train. A label's last units go
    to whichever part has none of it yet, `RESERVED` of them to train.
    """
    totals = counts[order].sum(axis=0)
    wanted = np.maximum(wanted, 1.0)
    needs = {part: wanted, TRAIN: totals - wanted}
    weights = 1 / np.maximum(totals, 1)
    limits = np.maximum(wanted / 2, 1)
    waiting = np.ones(len(counts), dtype=bool)
    for label in np.argsort(totals, kind="stable"):
        units = order[counts[order, label] > 0]
        placed = parts[units[~waiting[units]]]
        reserved = min(RESERVED[part], max(1, len(units) - 1))
        missing = {part: 1 - (placed == part).sum(), TRAIN: reserved - (placed == TRAIN).sum()}
        queue = units[waiting[units]]
        sizes = counts[queue, label]
        queue = queue[np.argsort(-np.where(sizes > limits[label], sizes, 0), kind="stable")]
        for left, unit in zip(range(len(queue), 0, -1), queue, strict=True):
            size = counts[unit]
            # Large in this label, or else in the one that exceeds its limit most.
            large = label if size[label] > limits[label] else np.argmax(size / limits)
            is_large = size[large] > limits[large]
            lacking = {p: count for p, count in missing.items() if count > 0}
            is_last = left <= sum(lacking.values())
            for target in sorted(needs, key=lambda p: -needs[p][large]) if is_large else needs:
                need = needs[target]
                helps = (np.abs(need - size) - np.abs(need)) @ weights < 0
                fits = target == TRAIN or (helps and need[label] >= size[label] / 2)
                if target in lacking if is_last else fits:
                    parts[unit] = target
                    need -= size
                    missing[target] -= 1
                    break
            waiting[unit] = False


def _deal(counts: np.ndarray, sizes: np.ndarray, folds: int) -> np.ndarray:
    """Return the fold of each unit: labels from the rarest on, each unit where most is missing.

    Args:
        counts: rows of each label in each unit, shape (units, labels).
        sizes: rows in each unit.
        folds: number of folds.
    """
    missing = np.tile(counts.sum(axis=0) / folds, (folds, 1))
    rows = np.full(folds, sizes.sum() / folds)
    unit_folds = np.full(len(counts), -1)

    def deal(queue: np.ndarray, need: np.ndarray) -> None:
        for unit in queue:
            fold = np.lexsort((-rows, -need))[0]
            unit_folds[unit] = fold
            missing[fold] -= counts[unit]
            rows[fold] -= sizes[unit]

    for label in np.argsort(counts.sum(axis=0), kind="stable"):
        deal(np.flatnonzero((counts[:, label] > 0) & (unit_folds < 0)), missing[:, label])
    return unit_folds


def _check_units(
    free: np.ndarray, fixed: np.ndarray, open_parts: list[int], labels: Sequence[str]
) -> None:
    """Refuse a label that has fewer units than there are parts to fill.

    Args:
        free: rows of each label in each unit that is to be placed, shape (units, labels).
        fixed: rows of each label that stay in train, shape (labels,).
        open_parts: the parts to fill beside train.
        labels: their names.
    """
    needed = len(open_parts) + (fixed == 0)
    available = (free > 0).sum(axis=0)
    few = np.flatnonzero((available < needed * (len(free) > 0))[: len(labels)])
    if len(few):
        most = needed[few].max()
        counts = ", ".join(f"{labels[label]!r} ({available[label]})" for label in few)
        raise UserError(
            f"{len(few)} of {len(labels)} classes have too few rows to split: {counts}. These are "
            "numbers of independent rows or groups (duplicates, near-duplicates and groups stay "
            f"together), and {most} are needed, one for each part. In the dataset's block in "
            f"params.yaml, `rare: {{below: {most}, into: other}}` puts them together, `rare: "
            f"{{below: {most}, drop: true}}` leaves them out, and `near_duplicates: null` takes "
            "exact duplicates alone for one; or drop `group`, or add rows."
        )


def _check_parts(
    parts: np.ndarray, counts: np.ndarray, labels: Sequence[str], used: Sequence[int]
) -> None:
    for part in used:
        missing = np.flatnonzero(counts[parts == part, : len(labels)].sum(axis=0) == 0)
        # A predefined test part may lack a class; train may not, and no part may be empty.
        if (part == TRAIN and len(missing)) or len(missing) == len(labels):
            names = ", ".join(labels[i] for i in missing)
            raise UserError(
                f"after the split, {PARTS[part]} has no row of: {names}. Change split.validation, "
                "split.test or seed in params.yaml, or the predefined parts."
            )
