PYTHON ?= python3
OCR_DATA ?= ../shared/data
export OCR_DATA
# Tests start hundreds of processes: each would compile all of our files anew.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin

# Two processes, as `tests/conftest.py` groups the tests; the slowest of them are printed at the end.
SLOWEST ?= 10
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder --durations=$(SLOWEST)

.PHONY: setup demo test quick lint quick-tests all-tests clean

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	@echo "setting up .venv: some minutes the first time"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch .venv/ready

demo: setup
	rm -rf runs/demo
	$(BIN)/python search/run.py --space quick --name demo --time-budget 4m

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Lint runs beside the tests and prints what it finds at once; either of them fails the whole.
quick test: setup
	@$(MAKE) --no-print-directory -j 2 lint $(@:test=all)-tests

quick-tests:
	$(PYTEST) -m 'not slow'

all-tests:
	$(PYTEST)

clean:
	rm -rf .venv runs/demo
