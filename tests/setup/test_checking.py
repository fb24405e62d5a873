"""`ballast check`: all that a stage would refuse later is named now, a line each."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from ballast.cli import app

CHOSEN = {
    "sampler": "none",
    "embedding": "tfidf",
    "second_embedding": "none",
    "third_embedding": "none",
    "model": "linear",
    "second_model": "none",
    "loss": "cross_entropy",
    "second_loss": "cross_entropy",
    "weighting": "none",
    "second_weighting": "none",
    "costs": None,
    "decision": "argmax",
    "vectors": "none",
    "encoder": "none",
}
BLOCK = {"files": "news.csv", "text": "text", "label": "label"}
NUMBERS = {"files": "news.csv", "features": ["a", "b"], "label": "label"}
BOTH = BLOCK | NUMBERS


@pytest.fixture
def project(project, monkeypatch):
    monkeypatch.chdir(project.folder)
    for place in ("vectors/none", "encoders/none"):
        file = project.folder / "data" / place
        file.parent.mkdir()
        file.write_text("nothing\n")
    project.params |= CHOSEN
    (project.raw / "news.csv").write_text("text,a,b,label\nhello,1,2,x\n", "utf-8")
    project.describe(**BLOCK)
    return project


def check(*arguments):
    """Return what is wrong, by line."""
    done = CliRunner().invoke(app, ["check", *arguments], catch_exceptions=False)
    if done.exit_code == 0:
        assert done.stdout == "params.yaml is in order.\n"
        return []
    assert done.stderr.startswith("\nerror: ")
    return [line.strip() for line in done.stderr.strip().removeprefix("error: ").splitlines()]


def test_settings_in_order_are_said_to_be(project):
    assert check() == []


@pytest.mark.parametrize(
    "roles", [{"features": ["a", "b"]}, {"categories": ["a"]}, {"dates": ["d"]}]
)
def test_columns_that_no_embedding_reads_are_noted_and_no_fault(project, roles):
    (project.raw / "news.csv").write_text("text,a,b,d,label\nhello,1,2,2024-01-01,x\n", "utf-8")
    project.describe(**BLOCK | roles)
    done = CliRunner().invoke(app, ["check"])
    assert (done.exit_code, done.stdout.splitlines()) == (
        0,
        [
            "params.yaml is in order.",
            "the columns of this data set are not read: set second_embedding: columns, or use a "
            "recipe",
        ],
    )
    assert check("-S", "second_embedding=columns") == []


def test_faults_of_all_kinds_are_named_at_once(project):
    project.params |= {"seed": -1, "sede": 1, "loss": "fokal", "weighting": ["balanced"]}
    project.params["losses"]["focal"] = {"gama": 1}
    project.params["samplers"] = "none"
    project.params["datasets"] = {"no name": {}}
    del project.params["evaluation"]
    project.describe(**BLOCK | {"label": "lable", "files": ["news.csv", "more.csv"]})
    needles = [
        "lacks evaluation",
        "seed must be a whole number",
        "unknown parameter 'sede'",
        "samplers must be a block",
        "weighting must be a name",
        "'fokal' is not a member of losses",
        "unknown option losses.focal.gama",
        "data/raw/mine/news.csv has no column 'lable'",
        "data/raw/mine/more.csv does not exist",
    ]
    lines = check()
    for needle in needles:
        assert sum(needle in line for line in lines) == 1, needle
    assert len(lines) == len(needles)


def test_a_bad_name_in_a_block_does_not_hide_the_others(project):
    project.params["losses"] |= {"a.b": {}, 3: {}, "focal": {"gama": 1}}
    project.describe(**BLOCK)
    lines = check()
    assert sum("losses: 'a.b' must be a name of letters" in line for line in lines) == 1
    assert sum("losses: 3 must be a name" in line for line in lines) == 1
    assert sum("unknown option losses.focal.gama" in line for line in lines) == 1


@pytest.mark.parametrize("name", ["news.csv", "news.csv.gz", "news.tsv", "news.parquet"])
def test_every_missing_column_is_named_in_every_format(project, name):
    file = project.raw / name
    if name.endswith(".parquet"):
        pq.write_table(pa.table({"text": ["hello"], "label": ["x"]}), file)
    else:
        content = "text\tlabel\nhello\tx\n" if name.endswith(".tsv") else "text,label\nhello,x\n"
        file.write_bytes(gzip.compress(content.encode()) if ".gz" in name else content.encode())
    project.describe(files=name, text="txt", label="lable", group="source")
    (line,) = check()
    assert f"{name} has no columns 'txt', 'lable', 'source'" in line
    assert "Did you mean 'text'? Did you mean 'label'?" in line


def test_of_json_lines_a_key_may_come_late(project):
    rows = [{"text": "hello", "label": "x"}] * 200
    project.describe(**BLOCK | {"files": "news.jsonl", "group": "source"})
    file = project.raw / "news.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert check() == []
    file.write_text("".join(json.dumps(row) + "\n" for row in rows[:3]), "utf-8")
    (line,) = check()
    assert "has no column 'source'" in line


def test_no_more_than_the_beginning_of_a_file_is_read(project):
    rows = "hello,1,2,x\n" * 1000
    # The quotation mark never closes, which is for the stage to say.
    (project.raw / "news.csv").write_text(f'text,a,b,label\n{rows}"hello,1,2,x\n', "utf-8")
    assert check() == []


@pytest.mark.parametrize(
    ("change", "needle"),
    [
        ({"files": "old.csv"}, "old.csv does not exist. data/raw/mine/ contains: news.csv"),
        ({"files": "news.txt"}, "news.txt: the file's suffix does not tell its format"),
        ({"encoding": "utf-9"}, "encoding 'utf-9' is not known"),
        ({"label_names": "names.txt"}, "label_names: there is no file data/raw/mine/names.txt"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(project, change, needle):
    (project.raw / "news.txt").write_text("text,label\n")
    project.describe(**BLOCK | change)
    (line,) = check()
    assert needle in line


def test_folders_and_files_beside_the_data_are_named(project):
    project.params |= {"vectors": "cc.vec", "encoder": "minilm"}
    project.describe(**BLOCK)
    lines = check("-S", "dataset=other", "-S", "+datasets.other={files: a, label: l, text: t}")
    for needle in ("no folder data/raw/other", "no file data/vectors/cc.vec", "encoders/minilm"):
        assert sum(needle in line for line in lines) == 1
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("changes", "block", "needles"),
    [
        ({"loss": "soft_f1", "weighting": "balanced"}, BLOCK, ["weighting: balanced, can't go"]),
        ({"loss": "auc_margin", "sampler": "remix"}, BLOCK, ["sampler: remix, which mixes"]),
        (
            {"loss": "auc_margin", "sampler": "mixup", "weighting": "balanced"},
            BLOCK,
            ["weighting: balanced, can't go", "sampler: mixup, which mixes"],
        ),
        ({"loss": "soft_f1"}, BLOCK, []),
        ({"second_loss": "soft_f1", "second_weighting": "balanced"}, BLOCK, []),
        (
            {"second_model": "linear", "second_loss": "soft_f1", "second_weighting": "balanced"},
            BLOCK,
            ["second_loss: soft_f1 is worked out on a whole batch"],
        ),
        ({"loss": "focal", "sampler": "mixup", "weighting": "balanced"}, BLOCK, []),
        ({"model": "none"}, BLOCK, ["model: none leaves nothing to train"]),
        ({"embedding": "none"}, BLOCK, ["model: linear needs features or terms"]),
        ({"embedding": "columns"}, BOTH, []),
        ({"embedding": "tfidf_svd"}, BLOCK, []),
        ({"embedding": "word2vec"}, BLOCK, ["; or choose tfidf as an embedding"]),
        ({"model": "cnn"}, BLOCK, ["pretrained, random, word2vec or wordpieces as an e"]),
        ({"model": "cnn"}, BOTH, ["model: cnn needs tokens"]),
        ({"model": "cnn", "third_embedding": "random"}, BLOCK, []),
        ({"second_model": "attention"}, BLOCK, ["second_model: attention needs tokens"]),
        ({"model": "fasttext"}, BLOCK, ["model: fasttext needs tokens"]),
        ({"model": "two_channel_cnn"}, BLOCK, ["model: two_channel_cnn needs tokens"]),
        ({"model": "wide_and_deep"}, BLOCK, ["model: wide_and_deep needs tokens"]),
        ({"model": "wide_and_deep", "embedding": "random"}, BLOCK, ["needs terms"]),
        ({"model": "wide_and_deep", "second_embedding": "random"}, BLOCK, []),
        ({"model": "transformer", "embedding": "random"}, BLOCK, ["needs wordpieces, and"]),
        ({"model": "mlp"}, BLOCK, ["choose columns, sentence or tfidf_svd as an e"]),
        ({"model": "boosting"}, BLOCK, ["model: boosting needs features"]),
        ({"model": "boosting", "second_embedding": "tfidf_svd"}, BLOCK, []),
        ({"model": "mlp", "second_model": "boosting", "embedding": "columns"}, NUMBERS, []),
        (
            {"embedding": "columns", "model": "mlp"},
            BLOCK,
            ["embedding: columns needs columns"],
        ),
        ({}, NUMBERS, ["embedding: tfidf needs text, and"]),
        ({"sampler": "eda"}, NUMBERS, ["sampler: eda needs text", "embedding: tfidf needs text"]),
        ({"second_embedding": "sentence"}, BLOCK, ["second_embedding: sentence needs encoder"]),
        ({"second_embedding": "pretrained"}, BLOCK, ["pretrained needs vectors, and"]),
        (
            {"second_embedding": "word2vec", "third_embedding": "random"},
            BLOCK,
            ["second_embedding and third_embedding are of words both"],
        ),
        # What depends on a name that is none is not guessed at.
        ({"embedding": "word3vec", "model": "cnn"}, BLOCK, ["'word3vec' is not a member"]),
    ],
)
def test_what_does_not_go_together_is_named(project, changes, block, needles):
    project.params |= changes
    project.describe(**block)
    lines = check()
    assert len(lines) == len(needles), lines
    assert all(needle in line for needle, line in zip(needles, lines, strict=True)), lines


def test_a_flag_that_is_off_counts_as_none(project, monkeypatch):
    project.params |= {"loss": "soft_f1", "weighting": "balanced"}
    project.describe(**BLOCK)
    assert check() != []
    monkeypatch.setattr("ballast.losses.soft_f1.PER_BATCH", False)
    assert check() == []


def test_settings_of_an_experiment_are_checked_and_not_kept(project):
    project.params["losses"]["focal"] = {"gamma": 2.0}
    project.describe(**BLOCK)
    before = (project.folder / "params.yaml").read_bytes()
    settings = ["loss=fokal", "losss=focal", "losses.focal.gama=2", "sampler", "seed=-1"]
    lines = check(*(word for setting in settings for word in ("-S", setting)))
    for needle in [
        "'fokal' is not a member of losses",
        "-S losss=focal: Could not override 'losss'. Did you mean 'losses'?",
        "-S losses.focal.gama=2: Could not override 'losses.focal.gama'. Did you mean 'losses.foc",
        "-S sampler: Error parsing override 'sampler'.",
        "seed must be a whole number",
    ]:
        assert sum(needle in line for line in lines) == 1, needle
    assert len(lines) == len(settings)
    assert check("-S", "loss=focal", "--set-param", "losses.focal.gamma=1.5") == []
    assert (project.folder / "params.yaml").read_bytes() == before


def test_a_file_that_is_no_yaml_is_said_to_be_none(project):
    (project.folder / "params.yaml").write_text("a: [", "utf-8")
    assert "params.yaml cannot be read" in check("-S", "loss=focal")[0]
    YAML(typ="safe").dump([1], project.folder / "params.yaml")
    assert "must hold names and values" in check()[0]


def test_columns_that_auto_would_take_are_looked_for(project):
    (project.raw / "a.csv").write_text("body,size,y\n" + "one two three,1,a\n" * 3, "utf-8")
    block = {"files": "a.csv", "text": "body", "label": "y", "features": "auto"}
    project.params["second_embedding"] = "columns"
    project.describe(**block)
    assert check() == []
    project.describe(**block | {"label": "z", "group": "who"})
    (line,) = check()
    assert "no columns 'z', 'who'" in line
    project.describe(files="a.csv", label="y", features="auto")
    assert "no column for `features: auto`" in check()[0]
