"""Which strategies can still win: racing, for studies within a time budget."""

import numpy as np

from ballast.labels.classes import Classes
from ballast.study.contrasts import contrasts
from ballast.study.judging import paired_with
from ballast.study.runs import Predicted, runs


def contenders(
    targets: np.ndarray,
    predicted: Predicted,
    baseline: str,
    classes: Classes,
    units: np.ndarray,
    looks: int,
    error: float = 0.05,
    *,
    score: str = "f1_macro",
    replicates: int = 2000,
    seed: int = 0,
) -> set[str]:
    """Return the baseline and the strategies that may be the best of all, for the next seed.

    A strategy is dropped if another is better by more than chance makes the best of the others
    seem: max over t of (score_t - score_s) / error_st, with the quantile of its own distribution
    (multiple comparisons with the best, Hsu 1984). Over all looks together, the best strategy is
    dropped with a chance of at most `error` (Bonferroni). Racing by itself keeps no such rate.

    Args:
        targets: as in `judging.judge`.
        predicted: likewise.
        baseline: likewise.
        classes: likewise.
        units: likewise.
        looks: how often this is asked in one study.
        error: the most that the chance of ever dropping the best may be.
        score: likewise.
        replicates: likewise, but enough for the level: at least 20 draws lie beyond it.
        seed: likewise.
    """
    paired = paired_with(predicted, baseline)
    replicates = max(replicates, int(np.ceil(20 * looks / error)))
    drawn = runs(targets, paired, classes, units, score, replicates, seed)
    kept = {baseline}
    for name in paired:
        rivals = [other for other in paired if other != name and drawn.common(other, name)]
        if not rivals:
            kept.add(name)
            continue
        leads = contrasts(drawn, [(rival, name) for rival in rivals])
        critical = np.quantile(leads.studentised.max(axis=1), 1 - error / looks)
        if (leads.values <= critical * leads.errors).all():
            kept.add(name)
    return kept
