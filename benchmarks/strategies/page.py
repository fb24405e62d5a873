"""The page: a line for each member, from the study's leaderboard."""

import json
import shlex
from collections.abc import Iterator, Mapping
from textwrap import fill
from typing import Any

from members import BASELINE, CORPORA, MODEL, PLAIN, SEEDS

from ballast.comparison.comparing import interval
from ballast.study import results

TITLE = "# Every strategy on the demo corpus"
HOW = """\
Made by `make strategies`, a study as `ballast study` makes one ([study.md](study.md)). Every
strategy is trained with the seeds {seeds}, and held against the plain one on the same held-out
rows. `...` is `{plain}`, the plain strategy: a linear model on TF-IDF of words, which corrects
nothing by itself. It is the first line of a table, and each other line changes one thing of it. All
else is at its default."""
MEANING = """
The intervals of the gains hold at 95 % all together, as many as a table has: a strategy "helps" or
"hurts" where 0 is outside. What helps here need not help on your data: that is what `ballast study`
is for. Recall of the rarest class and log-loss are of the same rows, means over the seeds. Seconds
are those of one seed, all steps, one thread.
"""
WIDTH = 100
COLUMNS = (
    "| `dvc exp run` ... | macro-F1 (95 % interval) | gain (joint interval) | verdict | recall of "
    "the rarest class | log-loss | seconds |\n|---|---|---|---|---|---|---|\n"
)


def page(found: Mapping[str, dict[str, Any]], strategies: Mapping[str, dict[str, Any]]) -> str:
    """Return the whole page.

    Args:
        found: results of the studies by data set.
        strategies: what each sets, by its name, but for the plain one.
    """
    how = HOW.format(seeds=", ".join(map(str, SEEDS)), plain=options(MODEL | PLAIN))
    parts = [f"{TITLE}\n\n{fill(how, WIDTH)}\n{MEANING}"]
    for corpus, title in CORPORA.items():
        parts.append(f"\n## {title}\n\n{COLUMNS}{''.join(lines(found[corpus], strategies))}")
    return "".join(parts)


def lines(found: dict[str, Any], strategies: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a table: the plain strategy, then the others in the order of families."""
    table = results.leaderboard(found)
    one = next(iter(CORPORA))
    data = {} if found["dataset"] == one else {"dataset": found["dataset"]}
    for name, settings in {BASELINE: PLAIN, **strategies}.items():
        if name not in table.index:
            continue
        row = table.loc[name]
        gain = {"difference": row["gain"], "low": row["low"], "high": row["high"]}
        cells = [
            f"`... {options(data | settings)}`",
            f"{row['score']:.3f} ({row['score_low']:.3f} to {row['score_high']:.3f})",
            "" if name == BASELINE else interval(gain),
            "" if name == BASELINE else row["verdict"],
            f"{row['recall_rarest']:.3f}",
            f"{row['log_loss']:.3f}",
            f"{row['seconds']:.0f}",
        ]
        yield f"| {' | '.join(cells)} |\n"


def options(settings: Mapping[str, Any]) -> str:
    """Return what sets a strategy on the command line of `dvc exp run`.

    >>> options({"decision": "min_recall", "decisions": {"min_recall": {"target": 0.8}}})
    '-S decision=min_recall -S decisions.min_recall.target=0.8'
    """
    return " ".join(f"-S {shlex.quote(setting)}" for setting in placed(settings))


def placed(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield each selector and each option as `-S` takes it."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            for member, given in value.items():
                for option, each in given.items():
                    # DVC takes names without quotation marks.
                    text = json.dumps(each).replace('"', "")
                    yield f"{name}.{member}.{option}={text}"
        else:
            yield f"{name}={value}"
