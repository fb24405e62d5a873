"""Rows that cannot be used: counted by reason, and refused where they are too many."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from ballast.project.errors import UserError
from ballast.rows.cleaning import Rejected, Rows
from ballast.rows.dataset import Dataset
from ballast.rows.fields import BROKEN

# So many reasons are named, and so many rows of each.
REASONS, EXAMPLES = 5, 3


def kind(reason: str) -> str:
    """Return a reason without what differs from row to row."""
    return reason.partition(": ")[0].partition(" (")[0]


def by_reason(rejected: Sequence[Rejected]) -> list[str]:
    """Return a line for each reason, with the number of its rows and examples; frequent first."""
    groups = defaultdict(list)
    for item in rejected:
        groups[kind(item.reason)].append(item)
    lines = []
    order = sorted(groups.items(), key=lambda pair: -len(pair[1]))
    for reason, items in order[:REASONS]:
        lines.append(f"{len(items):,} x {reason}")
        lines += [f"  {item.place}: {_detail(item, reason)}" for item in items[:EXAMPLES]]
    if others := sum(len(items) for _, items in order[REASONS:]):
        lines.append(f"{others:,} x {len(order) - REASONS} other reasons")
    return lines


def told(rejected: Sequence[Rejected]) -> list[str]:
    """Return the lines of `by_reason` as they stand among others."""
    return [line if line.startswith(" ") else f"rejected: {line}" for line in by_reason(rejected)]


def _detail(item: Rejected, reason: str) -> str:
    """Return what differs from row to row of a reason, and the beginning of the content."""
    detail = item.reason.removeprefix(reason).removeprefix(":").strip()
    content = BROKEN.sub("\ufffd", item.content[:80])
    return " in ".join(filter(None, [detail, repr(content)]))


def require_enough(
    rows: Rows, folder: Path, dataset: Dataset, remedy: Callable[[Path], str]
) -> None:
    """Refuse a data set that loses more rows than `max_rejected` allows, or all.

    Args:
        rows: kept and rejected.
        folder: of the files.
        dataset: the block.
        remedy: from a file to the options that would help, in words.

    Raises:
        UserError: with the reasons, examples and the option that would mend it.
    """
    lost = [item for item in rows.rejected if not item.asked]
    total = len(rows.kept) + len(lost)
    if rows.kept and len(lost) <= dataset.max_rejected * total:
        return
    if not rows.rejected:
        raise UserError(f"{folder} has no rows: {', '.join(name for _, name in dataset.parts())}.")
    # Where no row is left, what is left out on purpose is a reason too.
    lost, total = (lost, total) if lost else (rows.rejected, len(rows.rejected))
    allowed = f", and `max_rejected: {dataset.max_rejected}` allows fewer" if rows.kept else ""
    ((worst, _),) = Counter(item.file for item in lost).most_common(1)
    advice = remedy(folder / worst) or "Correct the rows, or the dataset's block in params.yaml."
    if rows.kept:
        share = min(1.0, len(lost) / total + 0.01)
        advice += f" If these rows are to be left out, set `max_rejected: {share:.2f}`."
    raise UserError(
        "\n".join(
            [
                f"{len(lost):,} of {total:,} rows in {folder} cannot be used{allowed}.",
                *(f"  {line}" for line in by_reason(lost)),
                f"{advice} All are listed in data/prepared/rejected.csv.",
            ]
        )
    )
