"""Numbers are read as pandas reads them, dates as the standard library does."""

import io
import math
from datetime import UTC, date, datetime, timedelta, timezone

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ballast.rows.fields import FaultError, days, number

WRITTEN = st.one_of(
    st.text(st.sampled_from("0123456789.,eE+-_ xna%٣½"), min_size=1, max_size=8),
    st.floats(allow_nan=False).map(repr),
    st.integers(-(10**18), 10**18).map(str),
    st.sampled_from(["NA", "nan", "None", "null", "n/a", "True", "FALSE", "inf", "-Infinity"]),
)


def read(text):
    """Return our number, None where it is missing, "" where it is none."""
    try:
        return number(text, "f")
    except FaultError:
        return ""


@given(WRITTEN)
@example("1_005")
@example(" 7 ")
@example("1e5")
@example(".5")
@example("5.")
def test_what_pandas_reads_as_a_number_is_that_number_and_nothing_else_is_one(text):
    column = pd.read_csv(io.StringIO(f'f\n"{text}"\n'))["f"]
    found = read(text)
    if column.isna().all():
        assert found is None
    elif pd.api.types.is_numeric_dtype(column) and math.isfinite(value := column.iloc[0]):
        assert found == pytest.approx(float(value), rel=1e-15)
    elif text.strip() not in ("", "-", "?"):
        assert found == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *[(value, 1.0) for value in (True, "true", "TRUE", "Yes", 1, "1", 1.0, "1.0", "01")],
        *[(value, 0.0) for value in (False, "false", "no", "NO", 0, "-0", ".0")],
        *[(value, None) for value in (None, math.nan, "", " ", "NA", "?", "-", "NaN", "<NA>")],
    ],
)
def test_truth_values_are_numbers_and_gaps_are_none(value, expected):
    assert number(value, "f") == expected


def test_with_a_decimal_comma_a_point_is_no_decimal_point():
    assert number("1,5", "f", ",") == 1.5
    assert number(1.5, "f", ",") == 1.5
    assert number("2", "f", ",") == 2.0
    for text in ("1.234", "1.234,5"):
        with pytest.raises(FaultError):
            number(text, "f", ",")


@given(st.datetimes(timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=14))])))
def test_dates_are_days_since_1970_by_utc(moment):
    utc = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    expected = (utc - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(days=1)
    for value in (moment, moment.isoformat(), f" {moment.isoformat(' ')}"):
        assert days(value, "d") == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        ("1970-01-02", None, 1.0),
        (date(1970, 1, 2), None, 1.0),
        ("1970-01-01T12:00:00Z", None, 0.5),
        ("1970-01-01T12:00:00-12:00", None, 1.0),
        ("02.01.1970", "%d.%m.%Y", 1.0),
        (datetime(1970, 1, 1, 6), "%d.%m.%Y", 0.25),
        ("?", None, None),
        (None, "%d.%m.%Y", None),
    ],
)
def test_dates_come_as_such_or_as_text(value, form, expected):
    assert days(value, "d", form) == expected
