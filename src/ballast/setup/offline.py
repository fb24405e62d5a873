"""Pages of `dvc plots` that need no network: a page with Vega inside, for DVC to fill."""

import subprocess
import sys
from pathlib import Path

import vl_convert
from jinja2 import Environment, PackageLoader

from ballast.project.errors import UserError

PLACE = "tmp/plots.html"


def write(folder: Path = Path(".dvc")) -> None:
    """Write the page and name it in DVC's settings of this checkout.

    Args:
        folder: DVC's own.

    Raises:
        UserError: this is no DVC project, or DVC refuses the setting.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} does not exist: run this in the project's folder.")
    page = folder / PLACE
    page.parent.mkdir(exist_ok=True)
    template = Environment(loader=PackageLoader("ballast.setup", ".")).get_template("plots.html")
    page.write_text(template.render(bundle=vl_convert.javascript_bundle()) + "\n", "utf-8")
    setting = ["config", "--quiet", "--local", "plots.html_template", PLACE]
    if subprocess.run([sys.executable, "-m", "dvc", *setting], cwd=folder.parent).returncode:
        raise UserError(f"`dvc {' '.join(setting)}` failed.")
