"""Whole studies on a few texts: what is said, what runs, and that nothing hangs on how it ran."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import staged
import studied
from closure import ROOT
from ruamel.yaml import YAML
from studied import ballast, cells, keys, results, study, without_seconds, write_plan

from ballast.project import params

pytestmark = pytest.mark.pipeline

RESULTS = "study/results.json"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a project whose study has ended."""
    folder = studied.create(tmp_path_factory.mktemp("study") / "project").folder
    study(folder)
    return folder


@pytest.fixture
def project(finished, tmp_path):
    """A copy of it, with all that has run."""
    return studied.copy(finished, tmp_path / "project")


@pytest.fixture
def fresh(finished, tmp_path):
    """A copy of it in which nothing has run."""
    folder = studied.copy(finished, tmp_path / "project")
    subprocess.run(["git", "clean", "-fdxq", "study"], cwd=folder, check=True)
    return folder


# What is said.


def test_results_say_all_that_a_study_has_found(finished):
    found = results(finished)
    names = {"plain", "balanced", "moved", "focal"}
    assert set(found["strategies"]) == names
    assert found["baseline_name"] == "plain"
    assert (found["dataset"], found["score"], found["level"]) == ("demo", "f1_macro", 0.95)
    assert found["left_out"].keys() == {"trees"}
    assert (found["failed"], found["not_reached"], found["is_whole"]) == ({}, [], True)
    assert sum(found["rows"].values()) == sum(1 for _ in open_rows(finished))
    assert set(found["support"]) == {"autre", *studied.KEPT}
    assert sum(found["support"].values()) == found["rows"]["held_out"]
    for name, entry in found["strategies"].items():
        assert entry["seeds"] in ([0], [0, 1])
        assert entry["score"] == pytest.approx(entry["headline"]["f1_macro"])
        assert entry["score_low"] <= entry["score"] <= entry["score_high"]
        assert entry["differs"] == (
            {} if name == "plain" else params.flat(studied.STRATEGIES[name])
        )
        assert entry["settings"]["training.epochs"] == 3
    best = found["winner"] or "plain"
    assert set(found["test_headline"]) == {"plain", best}
    assert found["strategies"]["plain"]["seeds"] == [0, 1]


def open_rows(folder: Path) -> list[str]:
    return (folder / "data/raw/demo/demo.csv").read_text(encoding="utf-8").splitlines()[1:]


def test_the_winner_is_trained_on_the_shares_of_the_learning_curve(finished):
    found = results(finished)
    best = found["winner"] or "plain"
    shares = sorted((cell.share, cell.seed) for cell in cells(finished, best))
    assert shares == [(0.5, 0), (0.5, 1), (1.0, 0), (1.0, 1)]
    assert all(
        {cell.share for cell in cells(finished, name)} == {1.0}
        for name in found["strategies"]
        if name != best
    )


@pytest.mark.parametrize("name", ["balanced", "moved"])
def test_a_cell_has_the_outputs_of_the_stages_run_by_hand(finished, tmp_path, monkeypatch, name):
    cell = cells(finished, name)[-1]
    for path in ("data/raw", "data/vectors", "data/encoders"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).symlink_to(finished / path)
    YAML(typ="safe").dump(cell.params, tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    for stage in staged.STAGES[:-1]:
        staged.stage(stage).main()
    with contextlib.chdir(finished):
        store = studied.Store()
    for out, files in {
        "data/scored/model": ("held_out.parquet", "test.parquet", "history.csv"),
        "models/model": ("ledger.json",),
        "data/split": ("rows.parquet",),
        "data/resampled": ("plan.parquet",),
    }.items():
        for file in files:
            kept = cell.place(store, out) / out / file
            assert kept.read_bytes() == (tmp_path / out / file).read_bytes(), (out, file)


# What runs.


def test_the_same_study_again_runs_nothing_and_says_the_same(project):
    before, ran = (project / RESULTS).read_bytes(), keys(project)
    study(project)
    assert ((project / RESULTS).read_bytes(), keys(project)) == (before, ran)
    (project / RESULTS).unlink()
    study(project)
    assert ((project / RESULTS).read_bytes(), keys(project)) == (before, ran)


def test_what_dvc_has_left_in_the_workspace_changes_nothing(project):
    before, ran = (project / RESULTS).read_bytes(), keys(project)
    (project / RESULTS).unlink()
    for path in ("data/embedded/second_embedding/a.npy", "models/second_model/0/a.npy"):
        (project / path).parent.mkdir(parents=True)
        (project / path).write_bytes(b"of another run")
    study(project)
    assert ((project / RESULTS).read_bytes(), keys(project)) == (before, ran)


def test_a_new_strategy_runs_alone(project):
    ran, before = keys(project), results(project)
    write_plan(project, strategies=studied.STRATEGIES | {"squared": {"loss": "squared_hinge"}})
    found = study(project)
    own = {key for cell in cells(project, "squared") for key in cell.inputs.values()}
    assert "squared" in found["strategies"]
    # The curve is another's where another wins.
    if found["winner"] == before["winner"]:
        assert keys(project) - ran <= own
    assert own & (keys(project) - ran)


def test_an_edited_loss_runs_what_has_it_alone(project):
    ran, before = keys(project), results(project)
    with (project / "src/ballast/losses/focal.py").open("a", encoding="utf-8") as stream:
        stream.write("# edited\n")
    found = study(project)
    own = {key for cell in cells(project, "focal") for key in cell.inputs.values()}
    new = keys(project) - ran
    assert new
    assert new <= own
    assert found.pop("made_from") != before.pop("made_from")
    assert without_seconds(found) == without_seconds(before)


def test_another_plan_of_the_same_cells_runs_nothing(project):
    ran = keys(project)
    write_plan(project, score="balanced_accuracy", seeds=[0], learning_curve=None)
    found = study(project)
    assert found["score"] == "balanced_accuracy"
    assert found["curve"] is None
    # Another winner's test rows may be looked at for the first time.
    assert len(keys(project) - ran) <= 1


def test_every_seed_is_trained_where_that_is_asked_for(project):
    found = study(project, "--every-seed")
    assert {tuple(entry["seeds"]) for entry in found["strategies"].values()} == {(0, 1)}
    assert {
        len([c for c in cells(project, name) if c.share == 1]) for name in found["strategies"]
    } == {2}
    # And not shown where it isn't.
    assert study(project)["made_from"] != found["made_from"]


# What fails.


def test_a_strategy_that_fails_is_a_line(project):
    odd = {"weighting": "by_class", "weightings": {"by_class": {"weights": {"nowhere": 2.0}}}}
    write_plan(project, strategies=studied.STRATEGIES | {"odd": odd})
    done = ballast(project, "study", "--engine", "local:1")
    assert done.exit_code == 0, done.output
    found = results(project)
    assert found["failed"].keys() == {"odd"}
    assert found["failed"]["odd"].startswith("seed 0: ")
    assert "nowhere" in found["failed"]["odd"]
    assert "odd failed: seed 0: " in done.output
    # It would fail again.
    assert found["is_whole"]


def test_a_baseline_that_fails_is_the_end(project):
    odd = {"weighting": "by_class", "weightings": {"by_class": {"weights": {"nowhere": 2.0}}}}
    write_plan(project, strategies=studied.STRATEGIES | {"plain": odd})
    done = ballast(project, "study", "--engine", "local:1")
    assert done.exit_code == 1
    assert "the baseline plain has no result: " in done.output
    assert "nowhere" in done.output


def test_without_time_for_the_baseline_nothing_can_be_said(fresh):
    done = ballast(fresh, "study", "--minutes", "0", "--engine", "local:1")
    assert done.exit_code == 1
    assert "the baseline plain has no result: the time was up before it was trained" in done.output
    assert not (fresh / RESULTS).exists()
    # But for the rows, nothing has been made.
    assert len(keys(fresh)) == 1


def test_without_time_what_has_run_is_shown(project):
    (project / RESULTS).unlink()
    write_plan(project, strategies=studied.STRATEGIES | {"squared": {"loss": "squared_hinge"}})
    done = ballast(project, "study", "--minutes", "0", "--engine", "local:1")
    assert done.exit_code == 0, done.output
    found = results(project)
    assert found["not_reached"] == ["squared"]
    # With more time there is more.
    assert not found["is_whole"]
    assert study(project)["not_reached"] == []


def test_a_learning_curve_that_was_not_reached_is_trained_the_next_time(project):
    write_plan(project, learning_curve=[0.6, 1.0])
    found = study(project, "--minutes", "0")
    assert found["curve"] is None
    assert not found["is_whole"]
    assert study(project)["curve"] is not None


# Where and how it runs.


def test_two_processes_find_the_same_as_one(fresh, finished):
    found = study(fresh, "--engine", "local:2")
    assert without_seconds(found) == without_seconds(results(finished))
    assert keys(fresh) == keys(finished)


def environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}


def test_a_study_that_was_killed_goes_on(fresh, finished):
    process = subprocess.Popen(
        ["ballast", "study", "--engine", "local:2"],
        cwd=fresh,
        env=environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    scored = "study/cache/??/*/data/scored/model/held_out.parquet"
    while len(list(fresh.glob(scored))) < 2:
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (fresh / RESULTS).exists()
    ran = keys(fresh)
    assert ran < keys(finished)
    assert without_seconds(study(fresh)) == without_seconds(results(finished))
    assert ran < keys(fresh) == keys(finished)


def test_a_study_runs_the_code_of_its_own_folder(project):
    file = project / "src/ballast/study/showing.py"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("All of it: ", "Edited: "), encoding="utf-8")
    done = subprocess.run(
        ["ballast", "study"], cwd=project, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Edited: study/report.html" in done.stdout
    assert str(ROOT) not in (project / RESULTS).read_text(encoding="utf-8")


# What is done with it.


@pytest.mark.parametrize("name", ["focal", "plain", "moved"])
def test_a_strategy_is_written_into_params_yaml(project, name):
    before = params.load(project / "params.yaml")
    done = ballast(project, "study", "apply", name)
    assert done.exit_code == 0, done.output
    assert f"params.yaml has the strategy {name}" in done.output
    checked = ballast(project, "check")
    assert checked.exit_code == 0, checked.output
    values = params.load(project / "params.yaml")
    (cell, *_) = cells(project, name)
    # Defaults that are not written are the code's; `share` and `split.seed` are the study's.
    effective = {
        place: value
        for place, value in params.flat(values).items()
        if params.in_effect(place, values) and not place.startswith(("split", "seed"))
    }
    studied_with = params.flat(cell.params)
    assert effective == {place: studied_with.get(place) for place in effective}
    assert {key: values[key] for key in ("split", "seed", "datasets", "costs")} == {
        key: before[key] for key in ("split", "seed", "datasets", "costs")
    }
    assert "already" in ballast(project, "study", "apply", name).output


def test_an_unknown_strategy_is_not_applied(project):
    before = (project / "params.yaml").read_bytes()
    done = ballast(project, "study", "apply", "fokal")
    assert done.exit_code == 1
    assert "the study has no strategy 'fokal'" in done.output
    assert "Did you mean 'focal'?" in done.output
    assert (project / "params.yaml").read_bytes() == before


def test_a_strategy_of_other_data_is_not_applied(project):
    found = results(project) | {"dataset": "sms_spam"}
    (project / RESULTS).write_text(json.dumps(found), encoding="utf-8")
    done = ballast(project, "study", "apply", "focal")
    assert done.exit_code == 1
    assert "is of the data set sms_spam, and params.yaml has demo" in done.output


def test_without_a_study_there_is_nothing_to_apply(fresh):
    done = ballast(fresh, "study", "apply", "focal")
    assert done.exit_code == 1
    assert "study/results.json does not exist: run `ballast study`" in done.output
