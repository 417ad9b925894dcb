# `make demo` and `make test` are all that a newcomer needs; both install first.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
WORKERS ?= 2
VERSIONS ?= 4.1.0 5.1.2 5.7.0 6.2.0 hub-0.36.2 hub-1.33.0

.DEFAULT_GOAL := help
.PHONY: help install demo test test-matrix lint bench docs

help: ## list these verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

install: $(STAMP) ## make .venv with everything a contributor needs

demo: $(STAMP) ## train a tiny model, record it, show its card
	$(BIN)/cardgen demo demo

test: $(STAMP) ## run all tests, with coverage
	$(BIN)/pytest -n $(WORKERS) --cov --cov-report=term:skip-covered

test-matrix: ## record and publish with older versions of sentence-transformers and of the Hub's client (VERSIONS="4.1.0 hub-0.36.2 …")
	$(PYTHON) -m tests.matrix $(VERSIONS) -- -n $(WORKERS)

lint: $(STAMP) ## style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP) ## measure against the targets (PEERS=1 adds other tools)
	$(BIN)/python benchmarks/run.py $(if $(PEERS),--peers)

docs: $(STAMP) ## write the generated pages of docs/
	$(BIN)/python docs/generate.py

# torch first: the other packages then find the version that constraints.txt chooses.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'cardgen needs Python 3.11 or newer; name one: make PYTHON=python3.12 …' >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[train,postgres,dev]'
	@touch $@
