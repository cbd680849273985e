# One command per wish. Each sets up what it needs on first use, and nothing else.
# Needs python3 (3.11+), make and git; uses uv when it is there.

PY := .venv/bin/python
BIN := .venv/bin
RUNTIME := .venv/.bootstrapped-runtime
DEV := .venv/.bootstrapped-dev
# Two more than there are cores: half of the tests wait for other processes.
WORKERS ?= $(or $(shell python3 -c "import os; print((os.cpu_count() or 2) + 2)" 2>/dev/null),auto)
PYTEST := $(PY) -m pytest -q -n $(WORKERS)

# The pyright wrapper would otherwise ask the network whether there is a newer one.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo check check-deep fmt lint type layers test test-all tidy bench bench-deep bench-guard docs lock clean

define heading
	@printf '\n== %s ==\n' '$(1)'
endef

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: $(DEV) ## make .venv with everything a contributor needs

demo: $(RUNTIME) ## a swarm audits this repository: SQLite, offline model, no key needed
	@$(PY) -m skep run "Audit this repository" --workspace . --model offline --store sqlite:///.skep/skep.db --yes

check: lint type layers tidy test-all ## all the gates and tests, as CI runs them
	$(call heading,all checks passed)

check-deep: check ## check, then chaos, long runs and planted bugs: takes its time
	$(call heading,deep tests)
	@$(PY) -m pytest -m deep -n 2 --dist worksteal -rP --timeout 3600
	$(call heading,planted bugs)
	@$(PY) scripts/plant_bugs.py

fmt: $(DEV) ## format the code and mend what ruff can mend
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

lint: $(DEV) ## ruff (format and rules) and codespell
	$(call heading,lint)
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/codespell

type: $(DEV) ## pyright, strict
	$(call heading,types)
	@$(BIN)/pyright

layers: $(DEV) ## the import contracts
	$(call heading,layers)
	@$(BIN)/lint-imports --no-cache --no-logo

test: $(DEV) ## the quick tests
	$(call heading,quick tests)
	@$(PYTEST) -m "not slow and not deep"

test-all: $(DEV) ## every test but the deep ones
	$(call heading,tests)
	@$(PYTEST)

tidy: $(DEV) ## print the measures of the style, and hold them to their limits
	$(call heading,tidy)
	@$(PY) -m pytest -q -s tests/test_tidy.py

bench: $(DEV) ## Skep beside its rivals in one run, then the curves: 20 minutes
	@$(PY) -m bench; status=$$?; $(PY) -m bench.curves && exit $$status

bench-deep: $(DEV) ## the same with more and larger runs: hours
	@$(PY) -m bench --deep; status=$$?; $(PY) -m bench.curves --deep && exit $$status

bench-guard: $(DEV) ## what the five hottest operations cost against BASE (HEAD)
	@$(PY) -m bench.guard $(or $(BASE),HEAD)

docs: $(DEV) ## make the generated pages, then run every example and code block
	@for page in reference lifecycle; do \
		if [ -f scripts/$$page.py ]; then $(PY) scripts/$$page.py; fi; \
	done
	@$(PYTEST) tests/test_docs.py tests/test_examples.py

lock: ## pin the dependencies anew: both requirements files
	@scripts/lock

clean: ## delete what tools made; keeps .skep, your swarms
	@rm -rf .venv bench/.venv-* .pytest_cache .hypothesis .ruff_cache .import_linter_cache build dist
	@find src bench tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUNTIME): requirements.lock scripts/bootstrap
	@scripts/bootstrap runtime

$(DEV): requirements-dev.lock scripts/bootstrap
	@scripts/bootstrap dev
