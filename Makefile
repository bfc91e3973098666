# SPDX-License-Identifier: GPL-2.0-or-later
# make demo   install into .venv and run the main job on this machine's memory
# make test   install the test extras and run every check
# make fresh  do both on a minimal Debian of their own (as root; SUITE=trixie for another release)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SCRATCH := $(VENV)/demo
SUITE ?= bookworm
HOT_TESTS := tests/mm tests/designs tests/study tests/kernel/test_replay.py
.NOTPARALLEL:
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test fresh lint bench completions clean venv installed extras compiled

demo: installed compiled
	rm -rf $(SCRATCH) && mkdir -p $(SCRATCH)
	$(BIN)/ghostswap mkswap --size 64G $(SCRATCH)/swap.ghost
	$(BIN)/ghostswap inspect $(SCRATCH)/swap.ghost
	$(BIN)/ghostswap validate $(SCRATCH)/swap.ghost --kernel all || test $$? = 1
	$(BIN)/ghostswap simulate $(SCRATCH)/swap.ghost --pages mine

# On all cores; what asks the running kernel goes one by one (tests/conftest.py). Where the hot
# modules are compiled, what tests them runs a second time without.
test: extras compiled
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest --numprocesses auto --dist loadgroup
	$(BIN)/python -P -c 'from ghostswap import hot; raise SystemExit(not hot.obstacle())' || \
	GHOSTSWAP_PURE=1 $(BIN)/pytest --numprocesses auto --dist loadgroup $(HOT_TESTS)

fresh:
	.ci/fresh $(SUITE)

lint: extras
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

installed: venv
	rm -rf build  # setuptools would install what lies there of older trees
	GHOSTSWAP_BUILD=plain $(BIN)/pip install --quiet .  # compiled would be for long replays

extras: venv
	$(BIN)/pip install --quiet --editable '.[test]'

bench: venv
	$(BIN)/pip install --quiet --editable '.[bench]'
	$(BIN)/python benchmarks/bench_startup.py
	$(BIN)/python benchmarks/bench_codecs.py
	$(BIN)/python benchmarks/bench_simulate.py
	$(BIN)/python benchmarks/bench_zram.py
	$(BIN)/python benchmarks/bench_replay.py

# The files in completions/ are what the command prints; a test holds them together.
completions: venv
	$(BIN)/ghostswap completion bash > completions/bash/ghostswap
	$(BIN)/ghostswap completion zsh > completions/zsh/_ghostswap
	$(BIN)/ghostswap completion fish > completions/fish/ghostswap.fish

# One that works is kept; one half made, or made by a Python that is gone, is made anew.
venv:
	@$(BIN)/python -m pip --version >/dev/null 2>&1 && exit; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo '$(PYTHON) is no Python 3.11 or later: sudo apt install -y python3-dev python3-venv' >&2; exit 1; }; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo '$(PYTHON) cannot make virtual environments: sudo apt install -y $(notdir $(PYTHON))-venv' >&2; exit 1; }; \
	trap 'rm -rf $(VENV); exit 130' INT TERM HUP; \
	$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

# All works without what is compiled, but less exactly.
compiled:
	@$(BIN)/python -P -c 'import ghostswap.codecs._codecs' 2>/dev/null || \
	echo 'note: no compiler or no Python headers, so replays are slow, lengths of lz4 are estimates and lzo is not there:' \
		'sudo apt install -y gcc python3-dev' >&2

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache ghostswap/_hot-*
