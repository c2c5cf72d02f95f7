# Everything runs in .venv, installed from the lock. Two commands matter: `make demo`, `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Of `make test`, each with a stack of its own: most tests wait.
WORKERS ?= 4
# Of `make soak`, and of `make bench`.
soak: MINUTES ?= 20
bench: MINUTES ?= 3
# Of `make bench`: so many policies; steady or flips.
N ?= 100
MODE ?= steady

.PHONY: help setup demo test soak bench bench-chart bench-counts bench-failover bench-sink bench-tables lint audit types format crds lock mutants clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

setup: $(INSTALLED) ## Install everything into .venv

$(INSTALLED): requirements.lock pyproject.toml deploy/local/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	@echo "Installing into $(VENV) from requirements.lock: about 1 to 4 minutes the first time, 350 MB of disk."
	$(PYTHON) -m venv $(VENV)
	@# --no-deps: the lock is complete, and an older pip would look for newer versions of extras
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . -e deploy/local
	@touch $@

demo: $(INSTALLED) ## Start everything, show it, stay until Ctrl-C (ONCE=1: stop after showing)
	@$(BIN)/governor-local demo $(if $(ONCE),--once,|| [ $$? -eq 130 ])  # Ctrl-C is no failure

test: $(INSTALLED) ## Run every test, e2e included (ARGS='-k name' for some)
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder \
	  --cov --cov-report= $(ARGS)
	$(if $(ARGS),,$(BIN)/python -m coverage report --fail-under=100 --skip-covered)

soak: $(INSTALLED) ## Faults, changes and deletions at random for MINUTES (SEED=n repeats one, ONLY=crowd a part)
	$(BIN)/python -m tests.soak --minutes=$(MINUTES) $(if $(SEED),--seed=$(SEED)) $(if $(ONLY),--only=$(ONLY))

bench: $(INSTALLED) ## What N policies cost, and how late they run (N=100 MINUTES=3 MODE=steady PROFILE=30 RESTART=1)
	$(BIN)/python -m tests.bench --policies=$(N) --minutes=$(MINUTES) --mode=$(MODE) \
	  $(if $(PROFILE),--profile=$(PROFILE)) $(if $(filter-out 0,$(RESTART)),--restart)

bench-chart: $(INSTALLED) ## Draw docs/benchmarks.svg (INTO=file) from the runs in .bench
	$(BIN)/python -m tests.bench.chart $(if $(INTO),--into=$(INTO))

bench-failover: $(INSTALLED) ## How long nobody evaluates N=100 policies when their leader dies or restarts
	$(BIN)/python -m tests.bench.failover --policies=$(N)

bench-sink: $(INSTALLED) ## How fast 10,000 findings that open at once get into the sink
	$(BIN)/python -m tests.bench.draining

bench-tables: $(INSTALLED) ## What built-in checks cost on tables of ten million rows
	$(BIN)/python -m tests.bench.big_tables

bench-counts: $(INSTALLED) ## Compare what can be counted with tests/bench/baseline.json (RENEW=1: write it)
	$(BIN)/python -m tests.bench.counts $(if $(filter-out 0,$(RENEW)),--renew)

lint: $(INSTALLED) ## Lint, check the format, the types and the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy .ci/audit.py
	$(BIN)/lint-imports

audit: $(INSTALLED) ## Look for known vulnerabilities in the lock, and for secrets in the files
	$(BIN)/python .ci/audit.py

format: $(INSTALLED) ## Format the code
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

crds: $(INSTALLED) ## Generate crds/ from the models
	$(BIN)/python -m governor.cli.crds crds

lock: $(INSTALLED) ## Compile requirements.lock from the pyproject files
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
	  --group dev pyproject.toml deploy/local/pyproject.toml -o requirements.lock

mutants: $(INSTALLED) ## Mutate the domain; the unit tests must notice (ARGS='governor.domain.judging*')
	rm -rf mutants && mkdir mutants
	cp -R operator mutants/src
	cp -R tests pyproject.toml mutants
	cd mutants && HYPOTHESIS_PROFILE=mutants ../$(BIN)/mutmut run $(ARGS)
	@cd mutants && ../$(BIN)/mutmut results | { grep -v 'not checked$$' || echo "Every mutant was noticed."; }

clean: ## Remove what was installed and built here
	rm -rf $(VENV) .bench dist .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache mutants
