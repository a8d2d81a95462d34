# Everything starts here: `make help` lists the targets. Each one installs what it needs first.

VENV := .venv
PYTHON := $(VENV)/bin/python
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard translations/*/LC_MESSAGES/messages.po))
PYTEST_ARGS ?=

# The first Python that TensorFlow has wheels for and that can make an environment (Debian splits ensurepip off).
FIND_PYTHON = for name in python3.13 python3.12 python3.11 python3; do \
	  if $$name -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2> /dev/null; \
	  then echo $$name; exit 0; fi; done; \
	echo "Sori needs Python 3.11, 3.12 or 3.13 with venv (on Debian or Ubuntu: apt install python3 python3-venv)." >&2; \
	exit 1

.DEFAULT_GOAL := help
.PHONY: help setup run test lint bench hostile

help:  ## list these targets
	@sed -n 's/^\([a-z][a-z-]*\):.*##  *\(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(VENV)/.runtime $(CATALOGUES)  ## the virtual environment in .venv, and the translations

run: setup  ## start the web service
	@$(PYTHON) main.py serve

test: setup $(VENV)/.development  ## the whole test suite, in a real browser too
	@$(PYTHON) -m tests.browser.chromium
	@$(PYTHON) -m pytest $(PYTEST_ARGS)

lint: setup $(VENV)/.development  ## ruff, formatting and mypy
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

bench: setup  ## measure speed and memory
	@$(PYTHON) -m benchmarks

hostile: setup $(VENV)/.development  ## every hostile input, long runs over the parsers, 200 kills (nightly)
	@$(PYTHON) -m tests.hostile --model
	@HOSTILE_EXAMPLES=20000 $(PYTHON) -m pytest tests/hostile/test_properties.py --timeout 3600
	@$(PYTHON) -m tests.faults

# The stamps make a second run cost nothing; a changed list of packages makes the first step run again.
$(VENV)/.runtime: requirements.txt
	@$(PYTHON) -m pip --version > /dev/null 2>&1 || { python=$$($(FIND_PYTHON)) && $$python -m venv $(VENV); }
	@echo "Installing what Sori needs into $(VENV) (a few minutes the first time)"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.development: requirements-dev.txt $(VENV)/.runtime
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

%.mo: %.po $(VENV)/.runtime
	@$(PYTHON) -m babel.messages.frontend --quiet compile --input-file $< --output-file $@
