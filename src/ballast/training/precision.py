"""The numbers that products of matrices are made of."""

from typing import Literal

from llvmlite import binding

Precision = Literal["auto", "float32", "bfloat16"]
# What multiplies bfloat16 so much faster than float32 that the conversions pay, as LLVM names it.
# Measured: with avx512bf16 alone a product takes half the time, and what stands around it the rest.
FEATURE = "amx-bf16"


def chosen(precision: Precision) -> str:
    """Return float32 or bfloat16; `auto` is bfloat16 where the processor has tiles for it (AMX)."""
    if precision != "auto":
        return precision
    return "bfloat16" if binding.get_host_cpu_features().get(FEATURE) else "float32"
