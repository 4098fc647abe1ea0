# `make demo` and `make test` work on a fresh clone: they build .venv themselves.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SAMPLE := sample_dumps/tagged-6.12/vmcore
# More dumps to measure on: of Debian's kernel, and one that is an ELF file. With VMLINUX=FILE, the
# debug information of the kernel of VMLINUX_CORE, drgn with DWARF is measured too.
BENCH_CORES = $(SAMPLE) sample_dumps/stock-6.12/vmcore
BENCH_ELF = tests/data/formats/filtered.elf.xz
VMLINUX_CORE = $(lastword $(BENCH_CORES))

.PHONY: demo test lint docs bench coverage kernels fuzz tools clean

demo: $(VENV)/.installed
	$(BIN)/btfdump inspect $(SAMPLE) task 1

# In as many processes as there are processors; single files are quicker without: .venv/bin/pytest FILE
# Bytecode is written whatever the environment says: the suite starts hundreds of processes.
test: $(VENV)/.installed-dev tools
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n auto

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/circles.py

# README.md, docs/ and the API reference as HTML; a warning is an error.
docs: $(VENV)/.installed-docs
	$(BIN)/sphinx-build --quiet --fresh-env --fail-on-warning -c docs . build/docs
	@echo "build/docs/index.html"

bench: $(VENV)/.installed-dev
	$(BIN)/python -m bench.cold_start $(BENCH_CORES)
	$(BIN)/python -m bench.memory $(BENCH_CORES)
	$(BIN)/python -m bench.task_text $(BENCH_CORES) $(BENCH_ELF)
	$(BIN)/python -m bench.libbpf_text $(BENCH_CORES)
	$(BIN)/python -m bench.jsonl $(BENCH_CORES)
	$(BIN)/python -m bench.members $(SAMPLE)
	$(BIN)/python -m bench.listings $(BENCH_CORES)
	$(BIN)/python -m bench.long_list
	$(BIN)/python -m bench.walkers $(BENCH_CORES)
	$(if $(VMLINUX),$(BIN)/python -m bench.debuginfo $(VMLINUX) $(VMLINUX_CORE))

# Boots the kernels of docs/kernels.md and reads them again, or those of KERNELS: hours, and many
# gigabytes. It needs Debian's packages: $(BIN)/python -m sample_dumps.build packages --kernels
kernels: $(VENV)/.installed-dev
	$(BIN)/python -m sample_dumps.build kernels $(KERNELS)

# Of how many containers it is known what they hold, in Debian's generic kernels with all their modules,
# or in those of OF: names of docs/kernels.md, vmcores, BTF, folders of unpacked packages. With UNKNOWN=1
# the others are listed. Fetches 100 MB for each of Debian's.
coverage: $(VENV)/.installed-dev
	$(BIN)/python -m sample_dumps.build coverage $(OF) $(if $(UNKNOWN),--unknown)

# Each harness of fuzz/ for so many seconds, as many at once as there are processors, with another
# seed each time, or with FUZZ_SEED. With FUZZ_MINUTES, as many inputs as take about so long, which
# with a seed are always the same; with FUZZ_COUNT, so many. What fails is made smaller and saved in
# build/fuzz.
FUZZ_SECONDS = 3600
FUZZ_MINUTES =
FUZZ_COUNT =
FUZZ_SEED =
FUZZ_LENGTH = $(if $(FUZZ_COUNT),--count $(FUZZ_COUNT),$(if $(FUZZ_MINUTES),--minutes $(FUZZ_MINUTES),--seconds $(FUZZ_SECONDS)))
FUZZ_JOBS = $(shell nproc)

fuzz: $(VENV)/.installed-dev
	$(BIN)/python -m fuzz --list | xargs -n 1 -P $(FUZZ_JOBS) \
	  $(BIN)/python -m fuzz $(FUZZ_LENGTH) $(if $(FUZZ_SEED),--seed $(FUZZ_SEED))

# One test feeds what BtfBuilder writes to bpftool, the only tool of Debian's the tests need.
tools:
	@command -v bpftool >/dev/null || PATH=$$PATH:/usr/sbin command -v bpftool >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get -qq update && apt-get -qq -y install bpftool; } || \
	  echo "bpftool is not installed: its test will fail (Debian: apt-get install bpftool)" >&2

$(VENV)/.installed: pyproject.toml btfdump/__init__.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,lint,harvest]'
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
