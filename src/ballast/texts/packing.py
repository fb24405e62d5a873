"""Byte strings in contiguous memory, for Arrow to process without the GIL."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pyarrow as pa


def packed(values: Sequence[bytes], kind: Literal["string", "binary"] = "binary") -> pa.Array:
    """Return byte strings as an Arrow array, of UTF-8 text or of bytes, with 64-bit offsets."""
    # From buffers: `pa.array` of a list would import pandas.
    offsets = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum([len(value) for value in values], out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(values))]
    return pa.Array.from_buffers(pa.type_for_alias(f"large_{kind}"), len(values), buffers)
