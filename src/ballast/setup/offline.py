"""Pages of `dvc plots` that need no network: a page with Vega inside, for DVC to fill."""

import subprocess
import sys
from pathlib import Path

import vl_convert

from ballast.project.errors import UserError

PLACE = "tmp/plots.html"
# DVC puts the plots where it says so; without a place for its scripts it names no web address. It
# writes names of classes into the page as they are: what they may hold must not reach the network.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:"
)
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>Plots</title>
<script>{bundle}</script>
<style>body {{ font-family: system-ui, sans-serif; }}</style>
</head>
<body>
{{plot_divs}}
</body>
</html>
"""


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
    page.write_text(PAGE.format(policy=POLICY, bundle=vl_convert.javascript_bundle()), "utf-8")
    setting = ["config", "--quiet", "--local", "plots.html_template", PLACE]
    if subprocess.run([sys.executable, "-m", "dvc", *setting], cwd=folder.parent).returncode:
        raise UserError(f"`dvc {' '.join(setting)}` failed.")
