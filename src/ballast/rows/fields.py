"""One field of a record, whatever the format gives: as text, as a number, as a date."""

import math
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

# What stands for a missing value where a number, a date or a category is expected: what pandas
# takes for one, and a question mark or dash.
MISSING = {
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "?", "-"),
}
TRUTH = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}
# Narrower than float(), which takes 1_005 and other scripts' digits for numbers too.
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# What stands for a byte that is not in the encoding.
BROKEN = re.compile("[\ud800-\udfff]")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECONDS_A_DAY = 86_400


class FaultError(Exception):
    """The reason why a record cannot be used."""


def sound(read: Callable, *arguments: Any) -> Any:
    """Return what a function makes of a field, None where it finds a fault."""
    try:
        return read(*arguments)
    except FaultError:
        return None


def string(value: Any, role: str) -> str:
    """Return a field as NFC text; null and NaN as "", truth values as in JSON, 1.0 as "1".

    Args:
        value: as the format gives it.
        role: what the field is, for the message.

    Raises:
        FaultError: a list or an object, or bytes that are no text.
    """
    if type(value) is str and value.isascii():
        return value.strip()
    if value is None or value != value:
        return ""
    if isinstance(value, list | tuple | dict):
        kind = "an object" if isinstance(value, dict) else "a list"
        raise FaultError(f"{role} is {kind}, not a string")
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="surrogateescape")
    elif isinstance(value, float) and value.is_integer():
        # A column of whole numbers is one of floats where some are missing.
        value = int(value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if BROKEN.search(text):
        raise FaultError("broken encoding")
    return unicodedata.normalize("NFC", text).strip()


def is_blank(text: str) -> bool:
    """Return whether a text is blank: only spaces, control and format characters."""
    # The fast path: nearly all texts begin with a letter or a digit.
    return not text[:1].isalnum() and all(unicodedata.category(c)[0] in "CZ" for c in text)


def number(value: Any, column: str, decimal: str = ".") -> float | None:
    """Return a number, 1 or 0 for a truth value, None where it is missing.

    Raises:
        FaultError: it is none of these, or infinite.
    """
    text = string(value, f"column {column}")
    plain = text
    if decimal != "." and isinstance(value, str):
        # A point separates thousands then, and 1.234 would be read as a thousandth of what it is.
        plain = "" if "." in text else text.replace(decimal, ".")
    if NUMBER.fullmatch(plain) and math.isfinite(parsed := float(plain)):
        return parsed
    if text in MISSING:
        return None
    if (truth := TRUTH.get(text.lower())) is not None:
        return truth
    raise FaultError(f"column {column} is not a finite number: {text!r}")


def category(value: Any, column: str) -> str | None:
    """Return a category's name, None where it is missing."""
    text = string(value, f"column {column}")
    return None if text in MISSING else text


def days(value: Any, column: str, form: str | None = None) -> float | None:
    """Return a date as days since 1970, None where it is missing; time zones are UTC then.

    Args:
        value: a date, or its text.
        column: for the message.
        form: as `datetime.strptime` takes it; None for ISO 8601.

    Raises:
        FaultError: it is no such date.
    """
    if isinstance(value, date):
        moment = value if isinstance(value, datetime) else datetime(*value.timetuple()[:3])
    else:
        text = string(value, f"column {column}")
        if text in MISSING:
            return None
        try:
            moment = _parsed(text, form) if form else datetime.fromisoformat(text)
        except ValueError as error:
            raise FaultError(
                f"column {column} is not a date {f'like {form}' if form else 'in ISO format'}: "
                f"{text!r}"
            ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH).total_seconds() / SECONDS_A_DAY


# Days come again and again, and a format takes ten times as long as ISO 8601.
_parsed = lru_cache(maxsize=100_000)(datetime.strptime)
