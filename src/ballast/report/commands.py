"""A decision and its options as the command that tries them."""

import re
import shlex
from collections.abc import Mapping
from typing import Any

# Words that Hydra reads as text without quotation marks.
PLAIN = re.compile(r"(?!(?:true|false|null|nan|inf)$)[A-Za-z_][A-Za-z0-9_-]*", re.I)


def trial(decision: str, options: Mapping[str, Any]) -> str:
    """Return a shell line that runs the project with a decision; its options leave nothing open.

    Args:
        decision: member of `decisions/`.
        options: of its block in params.yaml.

    Example:
        >>> trial("min_recall", {"target": 0.9, "label": "spam"})
        "dvc exp run -S decision=min_recall -S 'decisions.min_recall={target:0.9,label:spam}'"
    """
    settings = [f"decision={decision}"]
    if options:
        values = ",".join(f"{name}:{_written(value)}" for name, value in options.items())
        settings.append(f"decisions.{decision}={{{values}}}")
    return " ".join(["dvc exp run", *(f"-S {shlex.quote(setting)}" for setting in settings)])


def _written(value: Any) -> str:
    """Return a value in Hydra's grammar."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if not isinstance(value, str):
        return f"{value!r}"
    if PLAIN.fullmatch(value):
        return value
    # Backslashes count only before a quotation mark, where they are doubled.
    escaped = re.sub(r'(\\*)(")', r"\1\1\\\2", value)
    escaped = re.sub(r"(\\+)$", r"\1\1", escaped).replace("${", r"\${")
    return f'"{escaped}"'
