# Everything here makes what it needs by itself: 'make demo' and 'make test' work in a fresh clone.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Standard tools that judge our results in tests, and a database server; the program itself needs none of them.
JUDGES := samtools bcftools tabix bgzip bwa PicardCommandLine Rscript art_illumina chromium node npm
JUDGE_PACKAGES := samtools bcftools tabix bwa picard-tools r-base-core art-nextgen-simulation-tools postgresql \
                  chromium r-cran-httr2 r-cran-jsonlite
PYTEST ?= -n 2 --dist loadfile

.PHONY: help demo hub test lint format bench openapi vendor notebooks judges clean distclean

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/.package ## reads of NA12878 to a catalogued, scored genome slice, under results/
	@$(BIN)/genomehub run reference_data/demo.yaml

hub: demo ## the demo's result in a hub: catalogue, access, files, with people to try it as
	@$(BIN)/python reference_data/hub.py results

test: $(VENV)/.development $(VENV)/drs-suite/.made judges ## unit, property, golden, integration and parity tests
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest $(PYTEST)

lint: $(VENV)/.development ## formatting, style, types, workflow
	$(BIN)/ruff format --check genomehub tests benchmarks
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check workflows
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --lint --snakefile workflows/Snakefile --configfile reference_data/demo.yaml

format: $(VENV)/.development ## format Python and the workflow
	$(BIN)/ruff format genomehub tests benchmarks
	$(BIN)/snakefmt workflows

bench: $(VENV)/.development ## turnaround per genome, appended to benchmarks/
	$(BIN)/genomehub benchmark turnaround

vendor: $(BIN)/python ## parts of pages that others wrote, anew from npm
	$(BIN)/python .ci/vendor.py

notebooks: $(BIN)/python ## docs/notebooks for Jupyter, from their Markdown
	$(BIN)/python .ci/notebooks.py

openapi: $(VENV)/.development ## ask every operation of the hub's API 500 times, on both databases
	$(BIN)/python benchmarks/hub_openapi.py --examples $(or $(EXAMPLES),500)
	$(BIN)/python benchmarks/hub_openapi.py --examples $(or $(EXAMPLES),500) --database postgresql

clean: ## remove results and caches
	rm -rf results .snakemake build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage

distclean: clean ## remove the virtual environment too
	rm -rf $(VENV)

# ---- what the above need --------------------------------------------------------------------------

$(BIN)/python:
	@for python in $${PYTHON:-} python3.13 python3.12 python3.11 python3 python; do \
	    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        echo "Making $(VENV) with $$($$python --version)"; \
	        "$$python" -m venv $(VENV) && exit 0; \
	        rm -rf $(VENV); \
	        echo "make: $$python cannot make a virtual environment. On Debian: apt-get install python3-venv" >&2; \
	        exit 1; \
	    fi; \
	done; \
	echo "make: no Python 3.11 or newer was found. Install one, or name it: make demo PYTHON=/path/to/python3" >&2; \
	exit 1

$(VENV)/.package: pyproject.toml | $(BIN)/python
	@echo "Installing genomehub into $(VENV)"
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.development: pyproject.toml | $(BIN)/python
	@echo "Installing genomehub and what its tests need into $(VENV)"
	@$(PIP) install --editable '.[dev]'
	@touch $@ $(VENV)/.package

$(VENV)/drs-suite/.made: tests/hub/drs_suite.txt | $(BIN)/python
	@echo "Installing GA4GH's compliance suite for DRS into $(VENV)/drs-suite"
	@rm -rf $(@D)
	@$(BIN)/python -m venv $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check --quiet install -r $<
	@touch $@

judges:
	@missing=; for tool in $(JUDGES); do command -v $$tool > /dev/null || missing="$$missing $$tool"; done; \
	ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 || command -v initdb > /dev/null || missing="$$missing initdb"; \
	Rscript -e 'for (name in c("httr2", "jsonlite")) library(name, character.only = TRUE)' > /dev/null 2>&1 \
	    || missing="$$missing httr2"; \
	packages="$(JUDGE_PACKAGES)"; \
	command -v npm > /dev/null || packages="$$packages nodejs npm"; : "another Node.js than Debian's brings its own npm"; \
	if [ -n "$$missing" ]; then \
	    echo "Installing tools that judge our results:$$missing"; \
	    sudo=; [ "$$(id -u)" = 0 ] || sudo="sudo -n"; \
	    if ! { command -v apt-get > /dev/null && $$sudo apt-get -qq update && \
	           DEBIAN_FRONTEND=noninteractive $$sudo apt-get -qq install -y --no-install-recommends $$packages > /dev/null; }; then \
	        echo "make: these tools are missing and could not be installed:$$missing. On Debian: apt-get install $$packages" >&2; \
	        exit 1; \
	    fi; \
	fi
