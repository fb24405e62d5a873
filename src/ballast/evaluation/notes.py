"""What a reader should see first: rejected rows, classes without test rows, the worst classes."""

from collections.abc import Mapping, Sequence
from itertools import chain

# With more classes than `MANY`, charts and tables are of `SHOWN`.
MANY, SHOWN = 50, 20
# Most names in a sentence.
NAMED = 10
# In place of a label that is missing, or one too many.
NONE = "(none)"
# Suspect labels are worth a note from so many rows on, if these are at least the first share of
# all. If they are more than the second, the model is weak rather than the labels wrong.
SUSPECTS, SUSPECT_SHARES = 10, (0.01, 0.2)

# Scores by name and class, as `scores.per_class` returns them.
PerClass = Mapping[str, Mapping[str, float]]


def notes(per_class: PerClass, counts: Mapping[str, int]) -> list[str]:
    """Return what the scores don't tell, a sentence each; none where there is nothing.

    Args:
        per_class: of the test rows.
        counts: numbers of rows that were read and rejected, and, where it is known, of held-out
            rows and of those with a suspect label.
    """
    sentences = []
    support, predicted = per_class["support"], per_class["predicted"]
    left_out = [name for name, rows in support.items() if not rows and not predicted[name]]
    if left_out:
        them = "it" if len(left_out) == 1 else "them"
        sentences.append(f"no test row of: {listed(left_out)}; macro-F1 leaves {them} out")
    in_vain = [name for name, rows in support.items() if not rows and predicted[name]]
    if in_vain:
        sentences.append(
            f"no test row of, but predicted: {listed(in_vain)}; counted in macro-F1 as 0"
        )
    if counts["rejected"]:
        sentences.append(
            f"{counts['rejected']:,} of {counts['rows']:,} rows were rejected: "
            "data/prepared/rejected.csv says why"
        )
    # Results of earlier versions don't count them.
    suspects, held_out = (counts.get(name, 0) for name in ("suspect_labels", "held_out"))
    least, most = (share * held_out for share in SUSPECT_SHARES)
    if max(SUSPECTS, least) <= suspects <= most:
        sentences.append(
            f"{suspects:,} of {held_out:,} held-out rows may be labelled wrong: "
            "metrics/label_issues.csv"
        )
    return sentences


def worst_and_rarest(per_class: PerClass, most: int) -> list[str]:
    """Return at most so many classes: by turns the one of lowest F1, and of fewest test rows.

    Classes without test rows are left out.
    """
    f1, support = per_class["f1"], per_class["support"]
    names = [name for name, rows in support.items() if rows]
    pairs = zip(sorted(names, key=f1.get), sorted(names, key=support.get), strict=True)
    return list(dict.fromkeys(chain.from_iterable(pairs)))[:most]


def listed(names: Sequence[str]) -> str:
    """Return names as text, and of many how many more there are."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
