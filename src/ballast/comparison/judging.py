"""Two revisions held against each other: all that `ballast compare` says, as plain values."""

from typing import Any

from ballast.comparison import changes, comparing
from ballast.comparison.pairs import common, is_multilabel
from ballast.comparison.revisions import Revision
from ballast.evaluation.scores import OF_LABELS
from ballast.labels.classes import labels_of
from ballast.project.errors import UserError


def report(base: Revision, head: Revision, level: float = 0.95) -> dict[str, Any]:
    """Compare two revisions on the test rows that both have.

    Returns:
        Ready for JSON: what `comparing.compare` returns, and the revisions' names, rows, untested
        scores (those of `metrics.json` that need probabilities), params, stages and warnings.

    Raises:
        UserError: no test row in common.
    """
    shared, conflicting = common(base.predictions, head.predictions)
    if not shared:
        raise UserError(_nothing_in_common(base, head, conflicting))
    known = list(dict.fromkeys([*head.classes, *base.classes]))
    # All rows of either revision: those in common may have one label each.
    every_row = [*base.predictions.values(), *head.predictions.values()]
    several = any(name in side.headline for side in (base, head) for name in OF_LABELS)
    multilabel = several or is_multilabel(every_row, known)
    seen = {text for row in shared for text in row}
    if multilabel:
        try:
            seen = {label for text in seen for label in labels_of(text, True)}
        except ValueError as error:
            raise UserError(
                "metrics/predictions.csv of one of the two, or both, is of an older version: it "
                f"holds labels that are no JSON list: run `dvc repro` there ({error})."
            ) from error
    names = [*known, *sorted(seen - set(known))]
    comparison = comparing.compare(shared, names, multilabel, level)
    rows = {
        "base": len(base.predictions),
        "head": len(head.predictions),
        "compared": len(shared),
        "other_labels": conflicting,
        "discordant": comparison.pop("discordant"),
    }
    same_rows = rows["base"] == rows["head"] == rows["compared"]
    return {
        "base": base.name,
        "head": head.name,
        "level": level,
        "rows": rows,
        **comparison,
        "untested": _untested(base, head) if same_rows else {},
        "params": changes.parameters(base, head),
        "stages": changes.stages(base, head),
        "warnings": [*_about_rows(base, head, rows), *changes.warnings(base, head)],
    }


def _untested(base: Revision, head: Revision) -> dict[str, dict[str, float]]:
    """Return the scores of `metrics.json` that predicted labels alone don't give."""
    scores = {}
    for name, value in base.headline.items():
        bound = name.endswith(("_low", "_high"))
        if name in head.headline and name not in comparing.HEADLINE and not bound:
            other = head.headline[name]
            scores[name] = {"base": value, "head": other, "difference": other - value}
    return scores


def _about_rows(base: Revision, head: Revision, rows: dict[str, int]) -> list[str]:
    lines = []
    if rows["other_labels"]:
        lines.append(
            f"{rows['other_labels']} rows have other true labels in {head.name} than in "
            f"{base.name} and are left out"
        )
    both = rows["compared"] + rows["other_labels"]
    if both < max(rows["base"], rows["head"]):
        lines.append(
            f"the test rows differ: only {both} are common to {base.name} ({rows['base']}) and "
            f"{head.name} ({rows['head']}){changes.since(base, head)}; all scores are those of the "
            "common rows"
        )
    return lines


def _nothing_in_common(base: Revision, head: Revision, conflicting: int) -> str:
    if conflicting:
        return (
            f"{base.name} and {head.name} disagree on the true labels of all {conflicting} rows "
            f"that both have: nothing can be compared{changes.since(base, head)}."
        )
    return (
        f"{base.name} ({len(base.predictions)} test rows) and {head.name} "
        f"({len(head.predictions)}) have no test row in common{changes.since(base, head)}. Run "
        "both with the same data, `seed` and `split`."
    )
