"""The number format of the large products: as set, or what the processor is fast with."""

import pytest

from ballast.training import precision


@pytest.mark.parametrize("setting", ["float32", "bfloat16"])
@pytest.mark.parametrize("has", [True, False])
def test_a_setting_holds_on_any_processor(setting, has, monkeypatch):
    monkeypatch.setattr(precision.binding, "get_host_cpu_features", lambda: {"amx-bf16": has})
    assert precision.resolved(setting) == setting


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
    assert precision.resolved("auto") == expected


def test_auto_is_one_of_both_on_this_processor():
    assert precision.resolved("auto") in ("float32", "bfloat16")
