# Everything runs in .venv, which is made on first use and renewed when pyproject.toml changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help run test test-long lint fuzz bench bench-micro clean

help:
	@echo "make run     the demo: a site under three gunicorn processes, the proxy on http://127.0.0.1:8080/"
	@echo "make test    ruff, mypy and the whole test suite"
	@echo "make test-long   the tests that take long: gigabytes both ways, an hour of all faults (SOAK_MINUTES=10)"
	@echo "make lint    ruff and mypy alone"
	@echo "make fuzz    100,000 requests, answers and bodies, each also read by h11 and llhttp"
	@echo "make bench   cost per request beside nginx, HAProxy, Caddy and aiohttp (bench-micro: single pieces)"
	@echo "make clean   remove .venv and caches"

run: $(VENV)/.demo
	@$(BIN)/python -m proxy.demo

# What is measured wants a machine for itself; Playwright keeps a loop running in its thread. All else goes two by two.
BESIDE := $(addprefix tests/faults/test_,hostile_messages.py restarts.py static_files.py stuck_workers.py upgrades.py)
ALONE := $(filter-out $(BESIDE),$(wildcard tests/faults/test_*.py)) tests/exams/test_clients.py
BROWSER := tests/admin/test_dashboard_browser.py

test: lint
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --durations=10 $(addprefix --ignore=,$(ALONE) $(BROWSER))
	$(BIN)/python -m pytest --durations=10 $(ALONE)
	$(BIN)/python -m pytest $(BROWSER)

test-long: $(VENV)/.dev
	$(BIN)/python -m pytest -m long

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy

fuzz: $(VENV)/.dev
	$(BIN)/python -m pytest tests/fuzz --hypothesis-profile=fuzz

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks

bench-micro: $(VENV)/.bench
	$(BIN)/python -m benchmarks.micro

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist

# A stamp for each extra: a second call starts at once.
$(VENV)/.%: $(BIN)/python pyproject.toml
	@echo "installing what make $(or $(MAKECMDGOALS),help) needs into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name a newer one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "No virtual environment could be made (on Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
