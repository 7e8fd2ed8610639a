# `make demo` and `make test` need python3 (3.11 or later) and a package index.
# Everything is installed into .venv; a changed pyproject.toml installs again.

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
CPUS ?= generic $(if $(filter x86_64 amd64,$(shell uname -m)),x86-64-v2)
PYTHONS ?= python3.11 python3.12 python3.13 python3.14 python3.15
N ?= 1000
SEED ?= 0

PY := $(VENV)/bin/python
RUN := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
BENCH := $(VENV)/.installed-bench
PYTEST := $(PY) -m pytest -q -n $(JOBS) --dist loadgroup --max-worker-restart 0

.PHONY: help demo lint test suite test-all test-cpus test-pythons fuzz docs bench clean
.DELETE_ON_ERROR:

help:
	@echo "make demo      train on handwritten digits with a compiled gradient"
	@echo "make test      ruff, mypy and the short test suite"
	@echo "make test-all  the same with every slow test"
	@echo "make test-cpus     the short suite for lesser processors: $(CPUS)"
	@echo "make test-pythons  the short suite with each Python that is found"
	@echo "make fuzz      random programs, N=1000 of them from SEED=0 on"
	@echo "make lint      ruff and mypy alone"
	@echo "make docs      the documentation as a site, in build/docs/html"
	@echo "make bench     tapec and its peers, in one run"
	@echo "make clean     remove .venv, caches and build output"

demo: $(RUN)
	@$(PY) -m tapec demo

lint: $(DEV)
	@echo "==> ruff check"
	@$(PY) -m ruff check --quiet .
	@echo "==> ruff format --check"
	@$(PY) -m ruff format --quiet --check . || \
	    { echo "not formatted; run: $(PY) -m ruff format ."; exit 1; }
	@echo "==> mypy --strict"
	@$(PY) -m mypy --strict -p tapec

test: lint suite

suite: $(DEV)
	@echo "==> pytest, short suite"
	@$(PYTEST)

test-all: lint
	@echo "==> pytest, everything"
	@$(PYTEST) -m ""

test-cpus: $(DEV)
	@for cpu in $(CPUS); do \
	    echo "==> pytest, short suite, TAPEC_CPU=$$cpu"; \
	    TAPEC_CPU=$$cpu $(PYTEST) || exit 1; \
	done

# A command that does not start (a shim, say) is as good as none. Types are checked by
# `make test` alone: each Python has another NumPy, with other annotations.
test-pythons:
	@for name in $(PYTHONS); do \
	    $$name -c '' 2>/dev/null && continue; echo "==> $$name: not found"; \
	done
	@for name in $(PYTHONS); do \
	    $$name -c '' 2>/dev/null || continue; \
	    echo "==> $$name: $$($$name -c 'import sys; print(sys.version)' | head -n 1)"; \
	    $(MAKE) --no-print-directory suite PYTHON=$$name VENV=.venv-$$name || exit 1; \
	done

docs: $(DEV)
	@$(PY) -m docs.site

fuzz: $(DEV)
	@$(PY) -m tests.fuzz programs $(N) --seed $(SEED)

bench: $(BENCH)
	@$(PY) -m benchmarks

clean:
	rm -rf $(VENV) .venv-python3.* build dist *.egg-info digits.svg
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The venv is complete when it has pip: an interrupted one is made again.
define venv
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit( \
	    "tapec needs Python 3.11 or later; try: make PYTHON=python3.12")'
	@test -x $(VENV)/bin/pip || { echo "==> creating $(VENV)"; \
	    $(PYTHON) -m venv $(VENV); }
	@echo "==> installing $(1) into $(VENV) (the first time takes a minute)"
	@$(PY) -m pip install --quiet --quiet --disable-pip-version-check \
	    --editable '$(1)'
endef

$(RUN): pyproject.toml
	$(call venv,.)
	@touch $@

$(DEV): pyproject.toml
	$(call venv,.[dev])
	@touch $(RUN) $@

$(BENCH): pyproject.toml
	$(call venv,.[bench])
	@touch $(RUN) $@
