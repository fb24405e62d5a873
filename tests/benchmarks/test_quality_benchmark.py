"""The benchmark of quality runs, goes on where it stopped, and its intervals hold."""

import csv
import importlib.util
import json
import re
import subprocess
import sys
from dataclasses import astuple
from xml.etree import ElementTree

import numpy as np
import pytest
from closure import ROOT
from sklearn.metrics import f1_score
from sklearn.preprocessing import MultiLabelBinarizer

from ballast.labels.classes import Classes
from ballast.setup import demo

pytestmark = pytest.mark.pipeline

FILES = {"csv": "news.csv", "keep": "kept.jsonl", "output": "quality"}
SYSTEMS = ["ballast", "linear_svc", "complement_nb"]


@pytest.fixture(scope="module")
def pairing():
    """The module that finds the intervals."""
    spec = importlib.util.spec_from_file_location("pairing", ROOT / "benchmarks/quality/pairing.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        # A dataclass looks its module up.
        patch.setitem(sys.modules, "pairing", module)
        spec.loader.exec_module(module)
    return module


def command(folder, systems: list[str], *options: str) -> subprocess.CompletedProcess:
    files = [f"--{name}={folder / file}" for name, file in FILES.items()]
    return subprocess.run(
        [
            sys.executable,
            str(ROOT / "benchmarks/quality"),
            *files,
            *("--text=body", "--label=topic", "--seeds=1"),
            f"--systems={','.join(systems)}",
            *options,
        ],
        capture_output=True,
        text=True,
    )


def write(folder, rows: list[tuple]) -> None:
    with (folder / FILES["csv"]).open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What two commands leave: the second adds a system to those of the first."""
    folder = tmp_path_factory.mktemp("quality")
    rows = [pair for pair in demo.generate(rows=900) if pair[1] in ("contrats", "produits")]
    write(folder, [("body", "topic"), *rows])
    for systems in (SYSTEMS[:2], SYSTEMS):
        done = command(folder, systems)
        assert done.returncode == 0, done.stdout + done.stderr
        (folder / "printed.txt").write_text(done.stdout, encoding="utf-8")
        tell_as_before(folder / "kept.jsonl")
    return folder


def tell_as_before(file) -> None:
    """Leave of our recipe what earlier versions kept: the difference from the default."""
    records = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    for record in records:
        if record.get("recipe"):
            record["recipe"] = {"embedding": "tfidf", "model": "linear", "decision": "argmax"}
    file.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")


@pytest.fixture(scope="module")
def found(folder):
    return json.loads((folder / "quality.json").read_text("utf-8"))["news"]


def test_a_later_command_runs_only_what_is_missing(folder):
    ran = re.findall(r"news, seed 0, (\w+): macro-F1", (folder / "printed.txt").read_text("utf-8"))
    assert ran == ["complement_nb"]
    lines = (folder / "kept.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line).get("system") for line in lines] == [None, *SYSTEMS]


def test_half_a_line_is_a_run_that_is_not_done(folder, tmp_path):
    for name in ("news.csv", "kept.jsonl"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    cut = (tmp_path / "kept.jsonl").read_text("utf-8")[:-20]
    (tmp_path / "kept.jsonl").write_text(cut, encoding="utf-8")
    done = command(tmp_path, SYSTEMS)
    assert re.findall(r"news, seed 0, (\w+): macro-F1", done.stdout) == ["complement_nb"]
    kept = [json.loads(line) for line in (folder / "kept.jsonl").read_text("utf-8").splitlines()]
    again = json.loads((tmp_path / "kept.jsonl").read_text("utf-8").splitlines()[-1])
    assert again["predicted"] == kept[-1]["predicted"]


def test_all_systems_see_the_same_rows_and_are_scored_alike(folder, found):
    split, *runs = map(json.loads, (folder / "kept.jsonl").read_text("utf-8").splitlines())
    assert {run["digest"] for run in runs} == {split["digest"]}
    for run in runs:
        right = np.mean(np.array(run["predicted"]) == np.array(split["actual"]))
        scores = found["systems"][run["system"]]["mean"]
        assert scores["f1_micro"] == pytest.approx(right)
        assert (scores["log_loss"] is None) == (run["system"] == "linear_svc")
        assert 0.5 < scores["f1_macro"] <= 1
        assert scores["seconds"] > 0
        assert scores["peak_mib"] > 50


def test_the_page_has_a_line_for_each_system_the_best_first(folder, found):
    page = (folder / "quality.md").read_text("utf-8")
    lines = [line for line in page.split("## The systems")[0].splitlines() if "| " in line]
    names = [re.split(r" *\| *", line)[1].strip("*") for line in lines[1:]]
    assert sorted(names) == sorted(SYSTEMS)
    f1 = [found["systems"][name]["mean"]["f1_macro"] for name in names]
    assert f1 == sorted(f1, reverse=True)
    assert set(found["differences"]["ballast"]) == set(SYSTEMS[1:])
    best = next(name for name in names if name != "ballast")
    assert f"- ballast against the best peer, {best}: " in page


def test_the_picture_names_every_system(folder):
    picture = ElementTree.parse(folder / "quality.svg").getroot()
    told = "".join(picture.itertext())
    assert all(name in told for name in ["news", *SYSTEMS])


def test_rows_with_several_labels(tmp_path):
    rows = demo.generate_multilabel(rows=300)
    write(tmp_path, [("body", "topic"), *rows])
    systems = ["logistic", "fasttext", "smote_texts"]
    done = command(tmp_path, systems, "--separator=|")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "smote_texts: skipped, SMOTE of imbalanced-learn has no form for several" in done.stdout
    found = json.loads((tmp_path / "quality.json").read_text("utf-8"))["news"]
    assert found["kind"] == "several labels"
    assert sorted(found["systems"]) == ["fasttext", "logistic"]
    split, run, _ = map(json.loads, (tmp_path / "kept.jsonl").read_text("utf-8").splitlines())
    binarizer = MultiLabelBinarizer(classes=split["names"])
    actual, predicted = (
        binarizer.fit_transform([labels.split("|") if labels else [] for labels in texts])
        for texts in (split["actual"], run["predicted"])
    )
    scores = found["systems"]["logistic"]["mean"]
    for average in ("macro", "micro"):
        expected = f1_score(actual, predicted, average=average, zero_division=0)
        assert scores[f"f1_{average}"] == pytest.approx(expected)


def test_rows_of_numbers(tmp_path):
    rng = np.random.default_rng(0)
    rare = np.arange(300) % 10 == 0
    columns = rng.normal(size=(300, 2)) + 2 * rare[:, None]
    rows = [(*row, "rare" if found else "common") for row, found in zip(columns, rare, strict=True)]
    write(tmp_path, [("a", "b", "topic"), *rows])
    done = command(tmp_path, ["smote_numbers"], "--text=", "--features=a,b")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "quality.json").read_text("utf-8"))["news"]
    assert found["systems"]["smote_numbers"]["mean"]["recall_rarest"] > 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--systems=linear"], "there is no system 'linear'. Did you mean 'linear_svc'?"),
        (["--label="], "name the columns: --label"),
        (["--datasets=reuters"], "Did you mean 'reuters8'?"),
        (["--csv=none.csv"], "none.csv does not exist"),
    ],
)
def test_mistakes_are_told_in_a_line(tmp_path, options, message):
    (tmp_path / "news.csv").write_text("body,topic\n", encoding="utf-8")
    done = command(tmp_path, SYSTEMS, *options)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def drawn(pairing, tests: dict, classes: int, draws: int = 1000):
    """Return what `draw` does of {seed: (ids, actual, {system: labels})}, labels as numbers."""

    def hot(labels):
        return np.eye(classes, dtype=np.uint8)[labels]

    counts = np.ones(classes)
    return pairing.draw(
        {
            seed: pairing.Test(ids, hot(actual), {name: hot(y) for name, y in given.items()})
            for seed, (ids, actual, given) in tests.items()
        },
        Classes(tuple(map(str, range(classes))), counts, classes),
        draws,
    )


def flipped(rng, actual: np.ndarray, share: float) -> np.ndarray:
    """Return labels of two classes, a share of them wrong."""
    return np.where(rng.random(len(actual)) < share, 1 - actual, actual)


def one_test(rng, rows: int = 400, shares=(0.1, 0.1)):
    actual = (rng.random(rows) < 0.2).astype(int)
    given = {f"s{place}": flipped(rng, actual, share) for place, share in enumerate(shares)}
    return list(map(str, range(rows))), actual, given


def test_equal_labels_differ_by_nothing(pairing):
    ids, actual, given = one_test(np.random.default_rng(0))
    found = drawn(pairing, {0: (ids, actual, given | {"s1": given["s0"]})}, 2)
    apart = pairing.difference(found["s0"], found["s1"])
    assert (apart.mean, apart.low, apart.high, apart.verdict) == (0, 0, 0, "cannot be told")


def test_a_large_difference_is_told_from_either_side(pairing):
    rng = np.random.default_rng(0)
    found = drawn(pairing, {seed: one_test(rng, shares=(0.05, 0.3)) for seed in range(3)}, 2)
    one, other = found["s0"], found["s1"]
    assert pairing.difference(one, other).verdict == "better"
    assert pairing.difference(other, one).verdict == "worse"
    assert pairing.difference(other, one).mean == -pairing.difference(one, other).mean


def test_the_same_rows_under_more_seeds_tell_no_more(pairing):
    test = one_test(np.random.default_rng(0))
    once = drawn(pairing, {0: test}, 2)
    often = drawn(pairing, dict.fromkeys(range(5), test), 2)
    first, second = (pairing.difference(found["s0"], found["s1"]) for found in (once, often))
    assert astuple(second) == pytest.approx(astuple(first))


def test_only_seeds_in_common_are_compared(pairing):
    rng = np.random.default_rng(0)
    ids, actual, given = one_test(rng)
    alone = ids, actual, {"s0": given["s0"], "s2": given["s1"]}
    found = drawn(pairing, {0: (ids, actual, given), 1: alone}, 2)
    apart = pairing.difference(found["s0"], found["s1"])
    assert apart.mean == found["s0"].seen[0] - found["s1"].seen[0]
    assert pairing.difference(found["s1"], found["s2"]) is None


@pytest.mark.parametrize("given_test", [True, False], ids=["given test rows", "split by seed"])
def test_intervals_of_equal_systems_hold_nothing_as_often_as_they_say(pairing, given_test):
    """Each seed's training goes well or less well; on average, both systems are equally good."""
    rng, held, trials, seeds = np.random.default_rng(1), 0, 120, 5
    for _ in range(trials):
        actual, tests = (rng.random(300) < 0.2).astype(int), {}
        for seed in range(seeds):
            if not given_test:
                actual = (rng.random(300) < 0.2).astype(int)
            ids = [f"{0 if given_test else seed} {row}" for row in range(300)]
            shares = np.clip(rng.normal(0.15, 0.03, 2), 0.02, 0.4)
            given = {f"s{i}": flipped(rng, actual, share) for i, share in enumerate(shares)}
            tests[seed] = ids, actual, given
        found = drawn(pairing, tests, 2, 300)
        held += pairing.difference(found["s0"], found["s1"]).verdict == "cannot be told"
    # Two standard errors of 95 % of 120 are .04; wide is allowed, narrow is not.
    assert held / trials >= 0.91
