# make book PYTHON=...  uses an environment you have; otherwise one is made in .venv from BASE_PYTHON.
# make book OUT=FOLDER  leaves this checkout as it is and makes everything in a copy there.
BASE_PYTHON ?= python3
VENV ?= .venv
REQUIREMENTS ?= requirements.txt
PIP_FLAGS ?=
CHROMIUM ?=
PORT ?= 8000
OUT ?=
JOBS ?= 2
TESTS ?= tests
ONLY ?=

ifeq ($(origin PYTHON), undefined)
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.installed
else
READY :=
endif

export CHROMIUM
.DEFAULT_GOAL := help

ifneq ($(OUT),)
# A checkout that cannot be written, or should not be: everything is made in a copy of it.
.PHONY: venv notebooks runs book null test
venv notebooks runs book null test:
	@mkdir -p "$(OUT)"
	@tar -cf - --exclude=./.git --exclude=./_build --exclude=./build --exclude=./runs --exclude=./book/runs --exclude='./notebooks/*.ipynb' --exclude=./.venv --exclude=__pycache__ --exclude='*.egg-info' . | tar -C "$(OUT)" -xf -
	@chmod -R u+w "$(OUT)"
	@$(MAKE) -C "$(OUT)" $@ OUT=
else

.PHONY: help venv notebooks runs book null test bench scale lock trust fresh serve lab clean

help:  ## this list
	@echo "Introspection via Kaomoji"
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(VENV)/.installed  ## a virtual environment with the pinned packages

$(VENV)/.installed: $(REQUIREMENTS) pyproject.toml
	@$(BASE_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; say which: make book BASE_PYTHON=python3.12"; exit 1; }
	@$(BASE_PYTHON) -c 'import ensurepip, venv' || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	test -x $(VENV)/bin/python || $(BASE_PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet $(PIP_FLAGS) -r $(REQUIREMENTS)
	$(VENV)/bin/python -m pip install --quiet $(PIP_FLAGS) --no-deps --no-build-isolation -e .
	@touch $@

notebooks: $(READY)  ## the .ipynb twins of the page templates, for papermill and JupyterLab
	"$(PYTHON)" book/build.py --notebooks

runs: $(READY)  ## run the pages that are not up to date, without the HTML
	"$(PYTHON)" book/build.py --jobs $(JOBS) --pages $(if $(ONLY),--only $(ONLY))

book: $(READY)  ## the study on the built-in models, and the book: _build/html/index.html
	"$(PYTHON)" book/build.py --jobs $(JOBS)

null: $(READY)  ## the null edition: every page again where there is nothing to find, linked from each figure
	"$(PYTHON)" book/build.py --jobs $(JOBS) --null

test: $(READY)  ## every test, the built book in a browser included
	OMP_NUM_THREADS=1 "$(PYTHON)" -m pytest -q -n $(JOBS) --dist worksteal $(TESTS)

bench: $(READY)  ## scoring and sampling against other ways at a larger size, into data/benchmark.json
	"$(PYTHON)" -m kaomoji_lib.models.benchmark_record

serve: book  ## the book on http://localhost:8000; a saved change rebuilds and reloads it
	"$(PYTHON)" book/serve.py --port $(PORT)

lab: $(READY)  ## JupyterLab; the templates in notebooks/ open as notebooks
	"$(PYTHON)" -m pip install --quiet $(PIP_FLAGS) -r requirements-lab.txt
	JUPYTER_CONFIG_PATH="$(CURDIR)/.jupyter" PYTHONPATH="$(CURDIR)" "$(PYTHON)" -m jupyter lab --notebook-dir=.

scale: $(READY)  ## what the analyses cost on states of 60 layers and 5,376 dimensions: data/scale.csv
	"$(PYTHON)" -m kaomoji_lib.show.scale

trust: $(READY)  ## kill, injure and feed it on purpose; the counts go to data/trust.csv and onto a page
	"$(PYTHON)" tests/trust

fresh:  ## make book and make test as a user with nothing but Debian's python3, make, git and a browser
	.ci/fresh

lock: $(READY)  ## requirements.lock and requirements-licences.csv, from requirements.txt
	rm -rf build/lock && "$(PYTHON)" -m venv build/lock && build/lock/bin/python -m pip install --quiet --upgrade $(PIP_FLAGS) pip uv
	build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --output-file build/lock/found.txt requirements.txt
	"$(PYTHON)" .ci/lock.py build/lock/found.txt build/lock/bin/python

clean:  ## remove what was built (not the environment, not the run folders)
	rm -rf _build book/runs notebooks/*.ipynb build dist *.egg-info .pytest_cache

endif
