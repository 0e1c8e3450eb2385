# `make help` lists what there is. Nothing here needs more than make and Python >= 3.11.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
ONCE ?=
DATA ?= .holdfast
JOBS ?= 3
NETS ?=
ROUNDS ?= 3
# The newest of the usual names; PYTHON=/path/to/python chooses another.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo $$name; break; fi; done)
PACKAGES := engine reports db worker api cli
CODE := $(PACKAGES) tests docs bench examples

# Whoever runs an audit for a secret model does not expect a report to somebody else.
export ORT_DISABLE_TELEMETRY := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo serve test check fmt docs bench clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-7s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/.stamp-run ## audit three example models through the whole service; PORT=8001 elsewhere, ONCE=1 stops at the end
	@$(BIN)/python -m holdfast_cli.demo --port $(PORT) --data $(DATA) $(if $(ONCE),--once)

serve: $(VENV)/.stamp-run ## start the service alone on http://127.0.0.1:8000; PORT=8001, DATA=folder
	@$(BIN)/holdfast serve --port $(PORT) --data $(DATA)

test: $(VENV)/.stamp-dev ## run all tests, on private Redis and PostgreSQL servers; T=tests/cli runs a part, JOBS=1 one at a time
	@.ci/packages tests
	@# Locked children write no bytecode: as in an installed package, they find it there.
	@$(BIN)/python -m compileall -q $(PACKAGES)
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(T)

check: $(VENV)/.stamp-dev ## lint, format, types, import rules, generated pages: all that must be clean
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/mypy
	@$(BIN)/mypy tests docs
	@$(BIN)/lint-imports
	@$(BIN)/python docs/generate.py --check

fmt: $(VENV)/.stamp-dev ## format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

docs: $(VENV)/.stamp-dev ## write the generated reference pages
	@$(BIN)/python docs/generate.py

bench: $(VENV)/.stamp-bench ## measure speed against the bare model, IBM ART and Foolbox; NETS=small28 ROUNDS=1 is quick
	@$(BIN)/python bench/audit_speed.py $(NETS) --rounds $(ROUNDS)

clean: ## remove what was built and installed; the service's data in .holdfast stay
	@rm -rf $(VENV) dist out .data .hypothesis .*_cache
	@find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@.ci/venv "$(PYTHON)" $(VENV)

# What a user installs: the engine and the server, without PyTorch.
$(VENV)/.stamp-run: pyproject.toml constraints.txt | $(BIN)/python
	@if [ ! -e $(VENV)/.stamp-dev ] || [ $(VENV)/.stamp-dev -ot pyproject.toml ] \
		|| [ $(VENV)/.stamp-dev -ot constraints.txt ]; then \
		echo "Installing Holdfast into $(VENV) (once, about a minute)"; \
		$(BIN)/python -m pip install --quiet -e '.[audit,server]' -c constraints.txt; fi
	@touch $@

$(VENV)/.stamp-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Holdfast and its development tools into $(VENV) (once, some minutes)"
	@$(BIN)/python -m pip install --quiet -e '.[audit,torch,server,s3]' --group dev -c constraints.txt
	@touch $@

# The peers that the benchmark compares with; no other target and no test needs them.
$(VENV)/.stamp-bench: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what the benchmark compares with into $(VENV) (once, a minute)"
	@$(BIN)/python -m pip install --quiet -e '.[audit,torch,server]' --group bench -c constraints.txt
	@touch $@
