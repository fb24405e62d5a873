"""What `ballast compare` shows: on a terminal of 80 columns, or as Markdown for a pull request."""

import json
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from ballast.comparison.comparing import interval, p_equation, p_text, signed

# Options of members that are not chosen: so many by name.
SHOWN = 3


def write(report: dict[str, Any], form: Literal["terminal", "md", "json"]) -> None:
    """Print a report."""
    if form == "json":
        print(json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False))
    elif form == "md":
        print(markdown(report), end="")
    else:
        # Names are the user's: no markup in them is meant.
        show(report, Console(markup=False, emoji=False, highlight=False))


def show(report: dict[str, Any], console: Console) -> None:
    """Print a report on a terminal."""
    base, head = report["base"], report["head"]
    console.print(f"{head} against {base}: {report['verdict']}", style="bold")
    console.print("\n".join([report["reason"], _rows(report)]) + "\n")
    table = Table("score", base, head, f"difference ({_level(report)} interval)")
    for line in _headline(report):
        table.add_row(*line)
    console.print(table)
    table = Table("class", "rows")
    table.add_column("F1", no_wrap=True)
    for title in ("recall", "alone\nright", "p\n(Holm)"):
        table.add_column(title)
    for name, values in _classes(report):
        alone = f"{values['base_only']} : {values['head_only']}"
        recall = signed(values["recall"]["difference"])
        p_value = p_text(values["p_holm"])
        table.add_row(name, str(values["rows"]), interval(values["f1"]), recall, alone, p_value)
    console.print(table)
    for line in [*_changes(report), *(f"warning: {line}" for line in report["warnings"])]:
        console.print(line)


def markdown(report: dict[str, Any]) -> str:
    """Return a report as GitHub-flavoured Markdown, verdict first."""
    base, head = _cell(report["base"]), _cell(report["head"])
    lines = [
        f"### {head} against {base}: {report['verdict']}",
        report["reason"] + "  ",
        _rows(report) + "\n",
        *(f"> **Warning:** {line}\n" for line in report["warnings"]),
        f"| score | {base} | {head} | difference ({_level(report)} interval) |",
        "|---|---|---|---|",
        *(f"| {' | '.join(line)} |" for line in _headline(report)),
        f"\n| class | rows | F1 | recall | right: {base} alone | {head} alone | p | p (Holm) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, values in _classes(report):
        scores = [interval(values[score]) for score in ("f1", "recall")]
        alone = [str(values["base_only"]), str(values["head_only"])]
        p_values = [p_text(values["p_value"]), p_text(values["p_holm"])]
        cells = [_cell(name), str(values["rows"]), *scores, *alone, *p_values]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *(f"- {_cell(line)}" for line in _changes(report))]
    return "\n".join(lines) + "\n"


def without_result(reason: str) -> str:
    """Return what stands in a pull request's comment when there is nothing to compare."""
    return f"### No comparison\n\n{reason}\n"


def _rows(report: dict[str, Any]) -> str:
    rows, test = report["rows"], report["mcnemar"]
    return (
        f"{rows['compared']} test rows, {rows['discordant']} labelled differently; right alone: "
        f"{report['base']} on {test['base_only']}, {report['head']} on {test['head_only']} "
        f"(McNemar {p_equation(test['p_value'])})"
    )


def _headline(report: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    scores = report["scores"] | report["untested"]
    return [
        (name, f"{values['base']:.3f}", f"{values['head']:.3f}", interval(values))
        for name, values in scores.items()
    ]


def _classes(report: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return sorted(report["classes"].items(), key=lambda pair: -pair[1]["rows"])


def _changes(report: dict[str, Any]) -> list[str]:
    params = report["params"]
    lines = [
        f"{change['name']}: {_value(change, 'base')} -> {_value(change, 'head')}"
        for change in params["in_effect"]
    ]
    idle = [change["name"] for change in params["not_chosen"]]
    if idle:
        more = f" and {len(idle) - SHOWN} more" if len(idle) > SHOWN else ""
        lines.append(f"without effect, of members not chosen: {', '.join(idle[:SHOWN])}{more}")
    by_status: dict[str, list[str]] = {}
    for name, stage in report["stages"].items():
        by_status.setdefault(stage["status"], []).append(name)
    lines = lines or ["no parameter changed"]
    if by_status:
        statuses = (f"{', '.join(names)}: {status}" for status, names in by_status.items())
        lines.append(f"stages: {'; '.join(statuses)}")
    return lines


def _value(change: dict[str, Any], side: str) -> str:
    value = change.get(side, "(none)")
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


def _level(report: dict[str, Any]) -> str:
    return f"{100 * report['level']:.4g} %"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
