"""The number format of matrix products in training."""

from typing import Literal

from llvmlite import binding

Precision = Literal["auto", "float32", "bfloat16"]
# The feature, as LLVM names it, with which bfloat16 pays: products are so much faster than those of
# float32 that the conversions around them don't matter. Measured: with avx512bf16 alone they do.
FEATURE = "amx-bf16"


def resolved(precision: Precision) -> str:
    """Return float32 or bfloat16; `auto` is bfloat16 where the processor has tiles for it (AMX)."""
    if precision != "auto":
        return precision
    return "bfloat16" if binding.get_host_cpu_features().get(FEATURE) else "float32"
