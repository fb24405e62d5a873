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
    shared = common(base.predictions, head.predictions)
    if not shared.rows:
        raise UserError(_nothing_in_common(base, head, len(shared.conflicting)))
    known = list(dict.fromkeys([*head.classes, *base.classes]))
    multilabel = _is_multilabel(base, head, known)
    seen = {text for row in shared.rows for text in row}
    if multilabel:
        seen = {label for text in seen for label in labels_of(text, True)}
    names = [*known, *sorted(seen - set(known))]
    comparison = comparing.compare(shared.rows, names, multilabel, level)
    rows = {
        "base": len(base.predictions),
        "head": len(head.predictions),
        "compared": len(shared.rows),
        "other_labels": len(shared.conflicting),
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


def _is_multilabel(base: Revision, head: Revision, names: list[str]) -> bool:
    """Look at all rows of either revision: those in common may have one label each."""
    sides = (base, head)
    if any(name in side.headline for side in sides for name in OF_LABELS):
        return True
    return is_multilabel((row for side in sides for row in side.predictions.values()), names)


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
            f"{head.name} ({rows['head']}){_reasons(base, head)}; all scores are those of the "
            "common rows"
        )
    return lines


def _nothing_in_common(base: Revision, head: Revision, conflicting: int) -> str:
    if conflicting:
        return (
            f"{base.name} and {head.name} disagree on the true labels of all {conflicting} rows "
            f"that both have: nothing can be compared{_reasons(base, head)}."
        )
    return (
        f"{base.name} ({len(base.predictions)} test rows) and {head.name} "
        f"({len(head.predictions)}) have no test row in common{_reasons(base, head)}. Run both "
        "with the same data, `seed` and `split`."
    )


def _reasons(base: Revision, head: Revision) -> str:
    names = changes.reasons_for_other_rows(base, head)
    return f", since {', '.join(names)} changed" if names else ""
