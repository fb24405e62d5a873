"""Scores of the test rows, for the few strategies that may look at them: a step after training."""

from pathlib import Path

from ballast.evaluation.judging import Options, evaluate
from ballast.project import params
from ballast.study import scoring

FOLDER = Path("data/tested")


def main() -> None:
    """Write labels and scores of the test rows, with a decision that is fitted on held-out rows."""
    settings = params.load()
    classes, split, outputs, ledgers = scoring.read(settings)
    options = params.check(Options, settings["evaluation"], "evaluation")
    decision = params.select(settings, "decision")
    held_out, test = split.targets[split.held_out], split.targets[split.test]
    # The bounds of one run's scores are not asked for here.
    options = options.model_copy(update={"replicates": 100})
    judged = evaluate(
        outputs, ledgers, held_out, test, classes, decision, options, settings["seed"]
    ).test
    scoring.save(FOLDER, split.names(split.test), judged.predicted, judged.headline)
