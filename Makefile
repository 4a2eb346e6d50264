# Everything runs from a virtual environment that these rules make by themselves.
PYTHON ?= python3
PYTEST_ARGS ?= -n auto
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: run test lint bench docs clean

run: $(STAMP)
	@$(BIN)/sqa-tui

test: $(STAMP)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python -m benchmarks

docs: $(STAMP)
	$(BIN)/python docs/make.py

# torch goes first and alone, so that the pinned build is in place before anything else asks for a torch of its own.
# sparsezoo goes last and without its dependencies, whose pins (onnx<1.15, numpy<2) are of another time; its client, which
# only child processes of ours import, lives with today's.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps sparsezoo
	touch $(STAMP)

clean:
	rm -rf $(VENV) build dist
