# SPDX-License-Identifier: GPL-2.0-or-later
# make demo   install into .venv and run the main job on this machine's memory
# make test   install the test extras and run every check
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SCRATCH := $(VENV)/demo

.PHONY: demo test lint bench completions clean

demo: $(BIN)/python
	$(BIN)/pip install --quiet .
	rm -rf $(SCRATCH) && mkdir -p $(SCRATCH)
	$(BIN)/ghostswap mkswap --size 64G $(SCRATCH)/swap.ghost
	$(BIN)/ghostswap inspect $(SCRATCH)/swap.ghost
	$(BIN)/ghostswap validate $(SCRATCH)/swap.ghost --kernel all || test $$? = 1
	$(BIN)/ghostswap simulate $(SCRATCH)/swap.ghost --pages mine

test: $(BIN)/python
	$(BIN)/pip install --quiet --editable '.[test]'
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

lint: $(BIN)/python
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(BIN)/python
	$(BIN)/pip install --quiet --editable '.[bench]'
	$(BIN)/python benchmarks/bench_startup.py
	$(BIN)/python benchmarks/bench_codecs.py
	$(BIN)/python benchmarks/bench_simulate.py
	$(BIN)/python benchmarks/bench_zram.py
	$(BIN)/python benchmarks/bench_replay.py

# The files in completions/ are what the command prints; a test holds them together.
completions: $(BIN)/python
	$(BIN)/ghostswap completion bash > completions/bash/ghostswap
	$(BIN)/ghostswap completion zsh > completions/zsh/_ghostswap
	$(BIN)/ghostswap completion fish > completions/fish/ghostswap.fish

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
