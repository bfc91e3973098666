# SPDX-License-Identifier: GPL-2.0-or-later
# make demo   install into .venv and run the main job on this machine's memory
# make test   install the test extras and run every check
# make fresh  do both on a minimal Debian of their own (as root; SUITE=trixie for another release)
# make vmtest ask real kernels in QEMU what ghostswap predicts (KERNEL=7.3 for one of them)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SCRATCH := $(VENV)/demo
SUITE ?= bookworm
HOT_TESTS := tests/mm tests/designs $(wildcard tests/study/test_recorded*.py) tests/kernel/test_replay.py
KERNEL ?=
ARGS ?=
.NOTPARALLEL:
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# What is compiled is kept: thousands of commands would compile it again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test fresh vmtest lint bench completions clean venv installed extras compiled

# A ghost as large as the memory; where little memory can be read, a program's is made to look at.
demo: installed compiled
	rm -rf $(SCRATCH) && mkdir -p $(SCRATCH)
	$(BIN)/ghostswap mkswap --size $$(awk '/^MemTotal:/ { print $$2 "K" }' /proc/meminfo) $(SCRATCH)/swap.ghost
	$(BIN)/ghostswap validate $(SCRATCH)/swap.ghost || test $$? = 1
	@pages=$$($(BIN)/ghostswap simulate --sample 64 --json 2>/dev/null | sed -n '0,/"pages":/s/.*"pages": \([0-9]*\).*/\1/p'); \
	if [ "$${pages:-0}" -lt 16384 ]; then \
		mkfifo $(SCRATCH)/ready; \
		$(BIN)/python -c "$$PROGRAM" $(SCRATCH)/ready & program=$$!; \
		trap 'kill $$program' EXIT; \
		read -r made < $(SCRATCH)/ready; \
		echo "you may read little memory, so a program is run for a moment: $$made"; \
	fi; \
	echo '$(BIN)/ghostswap simulate $(SCRATCH)/swap.ghost'; \
	$(BIN)/ghostswap simulate $(SCRATCH)/swap.ghost
	@echo 'Next: . $(BIN)/activate, and then'
	@echo '  ghostswap compare                         what zram or a disk would make of it'
	@echo '  ghostswap simulate --compressor zstd      another compressor'
	@echo '  ghostswap replay --help                   a process with less memory than it needs'
	@echo '  man ghostswap'

# What a compiler keeps in memory: the trees of all modules of Python.
define PROGRAM
import ast, glob, signal, sys, sysconfig
trees = []
for path in sorted(glob.glob(sysconfig.get_path("stdlib") + "/*.py")):
    with open(path, encoding="utf-8") as file:
        trees.append(ast.parse(file.read()))
with open(sys.argv[1], "w") as ready:
    ready.write(f"the syntax trees of {len(trees)} modules of Python\n")
signal.pause()
endef
export PROGRAM

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

# Some minutes; what a kernel needs that is not to be had is said, and that kernel is skipped.
vmtest: extras compiled
	PYTHONPATH=tests $(BIN)/python -m vm $(KERNEL) $(ARGS)

lint: extras
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

installed: venv
	rm -rf build  # setuptools would install what lies there of older trees
	GHOSTSWAP_BUILD=plain $(BIN)/pip install --quiet --no-compile .  # compiled would be for long replays

extras: venv
	$(BIN)/pip install --quiet --editable '.[test]'

bench: venv
	$(BIN)/pip install --quiet --editable '.[bench,fleet]'
	$(BIN)/python benchmarks/bench_startup.py
	$(BIN)/python benchmarks/bench_codecs.py
	$(BIN)/python benchmarks/bench_simulate.py
	$(BIN)/python benchmarks/bench_zram.py
	$(BIN)/python benchmarks/bench_replay.py
	$(BIN)/python benchmarks/bench_fleet.py

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
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache ghostswap/_hot.*
