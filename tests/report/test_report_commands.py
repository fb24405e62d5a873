"""The command beside an operating point sets what the point says, whatever the class is called."""

import shlex

import pytest
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import dump_yaml
from ruamel.yaml import YAML

from ballast.report.commands import trial

NAMES = [
    "spam", "class 01", "1", "true", "null", "Null", "nan", "-", "été|b, c: {d}", "it's", '"it"',
    "back\\slash", 'a \\" b', "ends in \\", "${a}", "<script>&amp;", "a=b", "inf", "1e3", "[x]",
]  # fmt: skip


def test_a_decision_alone_is_set_alone():
    assert trial("cost_matrix", {}) == "dvc exp run -S decision=cost_matrix"


def test_the_command_of_a_binary_task_fits_on_a_line():
    line = trial("min_recall", {"target": 0.95, "level": 0.95, "label": "spam"})
    assert line == (
        "dvc exp run -S decision=min_recall "
        "-S 'decisions.min_recall={target:0.95,level:0.95,label:spam}'"
    )
    assert len(line) < 100


@pytest.mark.parametrize("name", NAMES)
def test_dvc_sets_the_very_options(name, tmp_path):
    options = {"target": 0.9, "level": 0.8, "label": name, "shrink": 20.0, "proven": False}
    file = tmp_path / "params.yaml"
    before = {"target": 0.5, "level": 0.95, "label": None, "shrink": 0.0, "proven": True}
    dump_yaml(file, {"decision": "argmax", "decisions": {"min_recall": before}})
    words = shlex.split(trial("min_recall", options))
    assert words[:4] == ["dvc", "exp", "run", "-S"]
    apply_overrides(file, words[4::2])
    values = YAML(typ="safe").load(file)
    assert values == {"decision": "min_recall", "decisions": {"min_recall": options}}
