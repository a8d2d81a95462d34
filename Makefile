# `make help` lists the targets. Each target installs what it needs first.

VENV := .venv
PYTHON := $(VENV)/bin/python
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard translations/*/LC_MESSAGES/messages.po))
PYTEST_ARGS ?=

# The first Python that TensorFlow has wheels for and that can create a virtual environment (on Debian, ensurepip is a
# package of its own).
FIND_PYTHON = for name in python3.13 python3.12 python3.11 python3; do \
	  if $$name -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2> /dev/null; \
	  then echo $$name; exit 0; fi; done; \
	echo "Sori needs Python 3.11, 3.12 or 3.13 with venv (on Debian or Ubuntu: apt install python3 python3-venv)." >&2; \
	exit 1

.DEFAULT_GOAL := help
.PHONY: help setup lyrics run cluster test lint bench hostile

help:  ## list these targets
	@sed -n 's/^\([a-z][a-z-]*\):.*##  *\(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(VENV)/.runtime $(CATALOGUES)  ## create .venv and compile the translations

lyrics: setup $(VENV)/.lyrics  ## install the packages that read the words of songs (several hundred MB)

run: setup  ## start the web service
	@$(PYTHON) main.py serve

cluster: setup $(VENV)/.cluster  ## try out many machines on this one: web processes, workers, database, broker, balancer
	@$(PYTHON) -m jobs.cluster.trial

test: setup $(VENV)/.development  ## run all tests, some of them in a real browser
	@$(PYTHON) -m tests.browser.chromium
	@$(PYTHON) -m pytest $(PYTEST_ARGS)

lint: setup $(VENV)/.development  ## check with ruff, ruff format and mypy
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

bench: setup  ## run the benchmarks of speed and memory
	@$(PYTHON) -m benchmarks

hostile: setup $(VENV)/.development  ## all malformed inputs, long property tests, 300 faults, every guard removed (nightly)
	@$(PYTHON) -m tests.hostile --model
	@HOSTILE_EXAMPLES=20000 $(PYTHON) -m pytest tests/hostile/test_properties.py --timeout 3600
	@$(PYTHON) -m tests.faults
	@$(PYTHON) -m tests.mutants

# Stamp files: packages are installed again only after a requirements file has changed.
$(VENV)/.runtime: requirements.txt
	@$(PYTHON) -m pip --version > /dev/null 2>&1 || { python=$$($(FIND_PYTHON)) && $$python -m venv $(VENV); }
	@echo "Installing packages into $(VENV) (a few minutes the first time)"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.development: requirements-dev.txt $(VENV)/.runtime
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(VENV)/.lyrics: requirements-lyrics.txt $(VENV)/.runtime
	@echo "Installing the packages for lyrics into $(VENV)"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements-lyrics.txt
	@touch $@

$(VENV)/.cluster: requirements-cluster.txt $(VENV)/.runtime
	@echo "Installing the packages for many machines into $(VENV)"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements-cluster.txt
	@touch $@

%.mo: %.po $(VENV)/.runtime
	@$(PYTHON) -m babel.messages.frontend --quiet compile --input-file $< --output-file $@
