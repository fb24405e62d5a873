"""Where a record is in its file, in words."""


def place(record: int, line: int | None) -> str:
    """Return the number of a record, and its line where the format has lines."""
    return f"record {record:,}" + ("" if line is None else f" (line {line:,})")
