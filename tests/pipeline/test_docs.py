"""README and docs against the code: catalogue, lists, figures and the files that they name."""

import re
import runpy

import documents
import pytest
from closure import PIPELINE, ROOT, SOURCE
from documents import ADDED

from ballast.project import params
from ballast.rows.dataset import Dataset
from ballast.setup import recipes
from ballast.study.plan import Plan

DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (DOCS / "architecture.md").read_text(encoding="utf-8")


def by_name(page):
    return page.name


def test_the_catalogue_is_that_of_the_code():
    page = runpy.run_path(str(DOCS / "catalogue.py"))["page"]()
    assert (DOCS / "catalogue.md").read_text(encoding="utf-8") == page, (
        "run `python docs/catalogue.py`"
    )


def test_every_strategy_has_its_line_of_results():
    page = (DOCS / "strategy-results.md").read_text(encoding="utf-8")
    for selector in ("sampler", "loss", "weighting", "decision"):
        for name in params.members(params.FAMILIES[selector][0]):
            assert f"-S {selector}={name}" in page, "run `make strategies`"


def test_the_readme_is_short_enough_to_be_read():
    assert len(README.splitlines()) <= 200


def test_the_pages_and_the_folder_have_the_same_recipes():
    text = (DOCS / "strategies.md").read_text(encoding="utf-8")
    used = set(re.findall(r"ballast use (\w+)", text))
    assert used == set(recipes.names(ROOT / "recipes")), "name it in docs/strategies.md"


def test_a_chain_of_settings_in_the_readme_fits_on_a_line():
    """What is longer is a recipe's."""
    for line in README.splitlines():
        assert line.count(" -S ") < 2 or len(line) <= 100, line


def test_the_readme_names_every_parameter_that_chooses():
    table = README.split("\n## Strategies")[1]
    for selector in {"embedding", *params.FAMILIES} - {"second_embedding", "third_embedding"}:
        assert f"`{selector}`" in table


def test_the_readme_has_the_figures_of_the_quality_page():
    best = re.findall(
        r"^- ballast against the best peer, (\w+): ([\w ]+), (\S+ \(.*\))$",
        (DOCS / "quality.md").read_text(encoding="utf-8"),
        re.M,
    )
    assert len(best) >= 5
    for peer, verdict, difference in best:
        assert re.search(rf"{peer} \| {re.escape(difference)}: {verdict}", README), difference


def test_the_house_has_every_stage_family_and_room():
    house = ARCHITECTURE.split("\n## The house")[1].split("\n## ")[0]
    named = set(re.findall(r"\b(\w+)/(?=\s)", house))
    folders = {path.parent.name for path in (SOURCE / "ballast").glob("*/__init__.py")}
    assert folders <= named
    assert all(f"{name}.py" in house for name in PIPELINE)
    outside = {"src", "ballast", "learners", *(path.name for path in ROOT.iterdir())}
    outs = [out for stage in PIPELINE.values() for out in stage.get("outs", [])]
    stored = {out.split("/")[1] for out in outs if "/" in out}
    assert named <= folders | outside | stored | {"metrics", "raw", "scored"}


def test_the_data_page_has_every_option_of_a_data_set():
    page = (DOCS / "data.md").read_text(encoding="utf-8")
    for name in Dataset.model_fields:
        assert re.search(rf"`{name}`|\b{name}:", page), name


def test_the_study_page_has_every_field_of_a_plan():
    page = (DOCS / "study.md").read_text(encoding="utf-8")
    for name in Plan.model_fields:
        assert f"| `{name}` |" in page, name


@pytest.mark.parametrize("page", documents.PAGES, ids=by_name)
def test_every_code_file_that_a_page_names_exists(page):
    files = [f"/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "src").rglob("*.*")]
    for name in re.findall(r"`([\w./]+\.(?:py|html))`", page.read_text(encoding="utf-8")):
        made = name.startswith(("metrics/", "study/")) or name == f"src/ballast/losses/{ADDED}.py"
        assert made or any(file.endswith(f"/{name}") for file in files), name


@pytest.mark.parametrize("page", documents.PAGES, ids=by_name)
def test_every_link_leads_somewhere(page):
    text = documents.FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith("http"):
            name, _, anchor = target.partition("#")
            file = page.parent / name if name else page
            assert file.exists(), target
            assert not anchor or anchor in anchors(file), target


def anchors(page):
    """Return what links to a page's headings end in, as GitHub makes it."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
