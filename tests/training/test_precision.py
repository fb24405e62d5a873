"""The numbers of the large products: as told, or what the processor has tiles for."""

import pytest

from ballast.training import precision


@pytest.mark.parametrize("told", ["float32", "bfloat16"])
@pytest.mark.parametrize("has", [True, False])
def test_what_is_told_is_taken_on_any_processor(told, has, monkeypatch):
    monkeypatch.setattr(precision.binding, "get_host_cpu_features", lambda: {"amx-bf16": has})
    assert precision.chosen(told) == told


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ({"amx-bf16": True, "avx512bf16": True}, "bfloat16"),
        ({"amx-bf16": False, "avx512bf16": True}, "float32"),
        ({"avx512bf16": True}, "float32"),
        ({}, "float32"),
    ],
)
def test_auto_asks_the_processor(features, expected, monkeypatch):
    monkeypatch.setattr(precision.binding, "get_host_cpu_features", lambda: features)
    assert precision.chosen("auto") == expected


def test_auto_finds_something_on_this_processor():
    assert precision.chosen("auto") in ("float32", "bfloat16")
