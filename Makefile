# `make demo` and `make test` each set up everything they need on a fresh machine.
# Needed beforehand: Python 3.10 to 3.13 under any usual name, make, a Python package registry.

# The newest TFX line that the machine takes; TFX=1.16 or TFX=1.21 overrides. So does PYTHON for the
# first usual name, and VENV where a second environment shall stand beside the first.
override TFX := $(or $(shell constraints/choose line $(TFX)),$(error no TFX line to work with))
PYTHON :=
VENV := .venv
INSTALLED := $(VENV)/.tfx-$(TFX)
UV := .uv/bin/uv
UV_VERSION := 0.13.9
PINNED := constraints/tfx-$(TFX)
LOG := build/setup.log
export UV_HTTP_TIMEOUT := 180
export UV_LINK_MODE := copy
# Tests that take seconds, start processes or servers, import TensorFlow, run pipelines or build
# the wheel.
REAL := thorough or system or native or tensorflow or tfx or package
# Modules that are wholly of these need not be read for the unit tests, which run in two processes
# of half the modules each: pytest-xdist's would both read all, which takes longer than the tests.
MARKERS := thorough|system|native|tensorflow|tfx|package|browser
# The C++ libraries' own chatter; what matters reaches the logs of a run.
export TF_CPP_MIN_LOG_LEVEL := 3
# Compiled tests and modules are kept: the unit tests begin seconds earlier.
unexport PYTHONDONTWRITEBYTECODE

BROWSER := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
NO_BROWSER := no chromium, chromium-browser or google-chrome is on the PATH.

.PHONY: demo test all real corpus long-runs browser-if-any test-browser unit lint serve-demo benchmarks constraints clean help

help:  ## Show the targets.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(INSTALLED)  ## Train, prove parity and push, on real data.
	@$(VENV)/bin/tfx-parity run penguins

test: lint unit real browser-if-any  ## Lint, types and every test but the corpus and the long runs.

# In one run, which loads TFX and makes the toy examples' graph once for all.
all:  ## The same with the corpus and the long runs.
	@$(MAKE) -s test REACH="hypothesis or $(REAL) or corpus or long_runs"

REACH := hypothesis or ($(REAL)) and not (corpus or long_runs)
real: $(INSTALLED)  ## The tests that need TensorFlow, TFX, servers or time.
	@$(VENV)/bin/python -m pytest -q -n 2 --dist loadgroup --no-loadscope-reorder tests -m "$(REACH)"

corpus: $(INSTALLED)  ## The fault corpus: planted faults and clean models.
	@$(VENV)/bin/python -m pytest -q tests/faults/corpus -m corpus

long-runs: $(INSTALLED)  ## Whole runs of retraining and of the compiled pipeline.
	@$(VENV)/bin/python -m pytest -q -n 2 --dist loadgroup tests -m long_runs

browser-if-any: $(INSTALLED)
	@if test -n "$(BROWSER)"; then $(MAKE) -s test-browser; else echo "the tests of the report in a\
	 browser did not run: $(NO_BROWSER)"; fi

test-browser: $(INSTALLED)  ## The report in a headless Chromium.
	@test -n "$(BROWSER)" || { echo "$(NO_BROWSER)" >&2; exit 2; }
	@$(VENV)/bin/python -m pytest -q tests/reporting -m browser

unit: $(INSTALLED)  ## The tests that need neither TensorFlow nor a server.
	@grep -rLE "^pytestmark = .*\b($(MARKERS))\b" --include="test_*.py" tests | sort \
		>build/unit-modules
	@xargs -P 2 -n $$(( ($$(wc -l <build/unit-modules) + 1) / 2 )) \
		$(VENV)/bin/python -m pytest -q --hypothesis-profile=quick \
		-m "not ($(REAL) or browser)" <build/unit-modules

lint: $(INSTALLED)  ## ruff and mypy.
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check -q .
	@rm -rf build/types && mkdir -p build/types/tfx_parity
	@ln -s $(CURDIR)/components/* $(CURDIR)/pipelines $(CURDIR)/schemas $(CURDIR)/kubeflow \
		build/types/tfx_parity/
	@cd build/types && $(CURDIR)/$(VENV)/bin/mypy --config-file ../../pyproject.toml \
		--cache-dir ../mypy -p tfx_parity

$(UV):
	@python=$$(constraints/choose python $(TFX) $(PYTHON)) || exit; \
	echo "setting up with $$python"; mkdir -p build; \
	{ $$python -m venv .uv && .uv/bin/python -m pip install -q uv==$(UV_VERSION); } >$(LOG) 2>&1 \
	|| $$python -m pip install -q --upgrade --target .uv uv==$(UV_VERSION) >>$(LOG) 2>&1 \
	|| { cat $(LOG) >&2; exit 1; }

$(INSTALLED): $(UV) $(PINNED).txt pyproject.toml setup.py
	@python=$$(constraints/choose python $(TFX) $(PYTHON)) || exit; mkdir -p build; \
	echo "installing TFX $(TFX) and what it was tested with into $(VENV) (about a minute)"; \
	{ $(UV) venv -q --clear --python $$python $(VENV) \
	&& $(UV) pip install -q --python $(VENV)/bin/python --no-deps --compile-bytecode \
		-r $(PINNED).txt \
	&& $(UV) pip install -q --python $(VENV)/bin/python --no-deps -e .; } >$(LOG) 2>&1 \
	|| { cat $(LOG) >&2; exit 1; }
	@touch $@

constraints: $(UV)  ## Resolve the pinned set anew.
	@{ sed -n '/^#/p' $(PINNED).txt; $(UV) pip compile -q --universal --python-version 3.10 \
		--override constraints/overrides.txt --no-header --no-annotate \
		$(PINNED).in pyproject.toml --extra tfx --extra kubeflow --extra dev; } > $(PINNED).new \
		&& mv $(PINNED).new $(PINNED).txt

benchmarks: $(INSTALLED)  ## Measure the figures in the docs.
	@$(VENV)/bin/python benchmarks/canary.py
	@$(VENV)/bin/python benchmarks/comparator.py
	@$(VENV)/bin/python benchmarks/fault_table.py

clean:  ## Remove what was made, except runs.
	@rm -rf $(VENV) .uv build dist *.egg-info
