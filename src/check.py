"""Stage 0, check: what is chosen is there and goes together, before anything else runs.

Run by `dvc repro` and `dvc exp run` wherever a selector has changed. Writes nothing. Without it, a
misspelt name ends, after the stages before it, in DVC's "[Errno 2] No such file or directory".
"""

from ballast.project.errors import run
from ballast.setup.checking import check_chosen

if __name__ == "__main__":
    run(check_chosen)
