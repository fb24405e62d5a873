"""Of several models, what is best on the rows that choose is kept, and nothing else counts."""

import numpy as np
import pytest

from ballast.training.candidates import Candidate, choose


def candidate(name: str, outputs) -> Candidate:
    values = np.array(outputs, dtype=np.float32)[:, None]
    return Candidate(name, {}, ("features",), [], lambda rows: values, values, [{"loss": 0.0}])


def judge(outputs: np.ndarray) -> dict[str, float]:
    """Return scores that are best where the outputs are 1."""
    away = float(np.abs(outputs - 1).mean())
    return {"f1_macro": 1 - away, "log_loss": away}


def names(choice) -> list[str]:
    return [each.name for each in choice.kept]


@pytest.mark.parametrize("monitor", ["f1_macro", "log_loss"])
@pytest.mark.parametrize(
    ("outputs", "kept", "alone"),
    [
        ({"a": [1, 1], "b": [0, 0]}, ["a"], "a"),
        ({"a": [0, 0], "b": [1, 1]}, ["b"], "b"),
        # Each is wrong where the other is right; b is less so.
        ({"a": [3, 3], "b": [0, 0]}, ["a", "b"], "b"),
        ({"a": [3, 0], "b": [0, 2]}, ["a", "b"], "b"),
    ],
)
def test_the_best_is_kept(outputs, kept, alone, monitor):
    tried = [candidate(name, values) for name, values in outputs.items()]
    choice = choose(tried, judge, monitor)
    assert names(choice) == kept
    expected = np.mean([outputs[name] for name in kept], axis=0)
    np.testing.assert_array_equal(choice.outputs[:, 0], expected)
    assert choice.outputs.dtype == np.float32
    assert choice.history is next(each for each in tried if each.name == alone).history
    both = np.mean(list(outputs.values()), axis=0)
    scores = {name: judge(np.array(values))[monitor] for name, values in outputs.items()}
    assert choice.book == {
        "monitor": monitor,
        "kept": " and ".join(kept),
        "scores": scores | {"a and b": judge(both)[monitor]},
    }


def test_one_alone_is_kept():
    choice = choose([candidate("a", [0.5, 0])], judge, "f1_macro")
    assert names(choice) == ["a"]
    assert choice.book == {"monitor": "f1_macro", "kept": "a", "scores": {"a": 0.25}}


def test_of_equal_ones_the_first_is_kept_and_one_before_both():
    tried = [candidate(name, [0, 0]) for name in ("b", "a")]
    assert names(choose(tried, judge, "f1_macro")) == ["b"]
