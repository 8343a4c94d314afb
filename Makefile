PYTHON ?= python3
OCR_DATA ?= ../shared/data
export OCR_DATA
BIN := .venv/bin

.PHONY: setup demo test quick lint clean

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

quick: lint
	$(BIN)/python -m pytest -m 'not slow'

test: lint
	$(BIN)/python -m pytest

clean:
	rm -rf .venv runs
