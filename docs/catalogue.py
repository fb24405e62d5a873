"""Write docs/catalogue.md: every member of every family, as the code has them.

Run by `python docs/catalogue.py`, after a member or one of its options has changed.
"""

import importlib
import inspect
from pathlib import Path
from typing import Any

from ballast.project import params

PAGE = Path(__file__).with_suffix(".md")
HEADER = """# Catalogue of strategies

Made by `python docs/catalogue.py` from the code. A name in the first column goes into `params.yaml`
after its selector, `loss: focal` for example; its options go into the block `losses.focal`. Each
name links to its file, whose docstring has the formula, the source and every option.

[strategies.md](strategies.md) says what to begin with,
[strategy-results.md](strategy-results.md) what each one did on the demo corpus.
"""


def page() -> str:
    """Return the whole page."""
    families = [name for name in params.SELECTORS if name != "datasets"]
    return HEADER + "".join(_section(family) for family in families)


def _section(family: str) -> str:
    selectors = ", ".join(f"`{name}`" for name in params.SELECTORS[family])
    verb = params.FAMILIES[params.SELECTORS[family][0]][1]
    lines = [f"\n## {selectors}\n", "| member | what it is | options |", "|---|---|---|"]
    for name in params.members(family):
        module = importlib.import_module(f"ballast.{family}.{name}")
        summary = module.__doc__.strip().splitlines()[0].rstrip(".")
        link = f"[`{name}`](../src/ballast/{family}/{name}.py)"
        options = ", ".join(_options(getattr(module, verb)))
        lines.append(f"| {link} | {summary} | {options} |")
    return "\n".join(lines) + "\n"


def _options(function: Any) -> list[str]:
    arguments = inspect.signature(function).parameters.values()
    options = [each for each in arguments if each.kind is each.KEYWORD_ONLY]
    return [f"`{each.name}: {_yaml(each.default)}`" for each in options]


def _yaml(value: Any) -> str:
    if value is inspect.Parameter.empty:
        return "(required)"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if value == "" else str(value)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
