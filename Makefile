PYTHON ?= python3
OCR_DATA ?= ../shared/data
export OCR_DATA
BIN := .venv/bin

.PHONY: setup demo test quick lint clean

setup: .venv/ready

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch .venv/ready

demo: setup
	$(BIN)/python search/run.py --space quick --name demo --time-budget 6m

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
