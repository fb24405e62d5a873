"""The text of a pull request's comment: from anyone's Markdown to what may be posted."""

import itertools
import re

# By it the comment is found again.
MARKER = "<!-- ballast -->"
# GitHub takes no longer comment.
LIMIT = 65_536


def comment_text(markdown: str, report: str | None = None) -> str:
    """Return the comment: the marker, the Markdown made harmless, a link to the report.

    The Markdown may come from a fork. It must not notify people, hide text or pose as another
    comment of ours, nor run GitLab's quick actions, which are lines like /merge.
    """
    text = "\n".join(markdown.splitlines()).replace("<!--", "&lt;!--")
    text = re.sub(r"@(?=\w)", "@\u200b", text)
    text = re.sub(r"^([ \t]*)/", r"\1\\/", text, flags=re.M)
    link = f"\n\n[Report and comment as files]({report})" if report else ""
    return f"{MARKER}\n{_fitting(text.strip(), LIMIT - len(MARKER) - len(link) - 2)}{link}\n"


def _fitting(text: str, limit: int) -> str:
    """Return the text, with as many last rows of its longest table left out as make it fit."""
    excess = len(text) - limit
    if excess <= 0:
        return text
    lines = text.split("\n")
    groups = itertools.groupby(range(len(lines)), key=lambda number: lines[number].startswith("|"))
    tables = [list(numbers) for is_table, numbers in groups if is_table]
    # The first two lines of a table are its header.
    rows = max(tables, key=len, default=[])[2:]
    excess += len(_left_out(len(rows))) + 1
    for number, row in enumerate(reversed(rows), start=1):
        excess -= len(lines[row]) + 1
        if excess <= 0:
            return "\n".join([*lines[:row], _left_out(number), *lines[rows[-1] + 1 :]])
    end = "\n\n*The rest is in the report.*"
    return text[: limit - len(end)].rpartition("\n")[0] + end


def _left_out(rows: int) -> str:
    return f"\n*{rows} more rows are in the report.*"
