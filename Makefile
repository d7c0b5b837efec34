# Two commands do everything from nothing: `make demo` and `make test`. `make check` is the quick one, and
# `make test-backends` the one that downloads some GB more, for Milvus and Ray.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
PINS   := -c .ci/constraints.txt

SOURCES := $(shell find facesearch migrations -type f -not -name '*.pyc') README.md LICENSE pyproject.toml

.PHONY: demo test test-backends check bench install clean

install: $(VENV)/.installed

# What it runs on: made anew when the dependencies change.
$(VENV)/.dependencies: pyproject.toml .ci/constraints.txt
	@echo "facesearch: making $(VENV) and installing what it needs (a minute or two, once)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install $(PINS) --upgrade pip
	@$(PIP) install $(PINS) --group dev
	@$(BIN)/python .ci/dependencies.py > $(VENV)/dependencies.txt
	@$(PIP) install $(PINS) -r $(VENV)/dependencies.txt
	@touch $@

# The wheel itself, as a stranger would get it; the tests run it, not the source tree.
$(VENV)/.installed: $(VENV)/.dependencies $(SOURCES)
	@rm -rf $(VENV)/wheel
	@$(PIP) wheel --no-deps --no-build-isolation --wheel-dir $(VENV)/wheel .
	@$(PIP) install --no-deps --force-reinstall $(VENV)/wheel/*.whl
	@touch $@

demo: install
	@$(BIN)/facesearch demo --output facesearch-demo

test: install
	@OMP_NUM_THREADS=1 FACESEARCH_TEST_WHEEL=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=10 -m "not backends"

# What only the tests of Milvus, Ray and dlib need, in the same environment.
$(VENV)/.backends: $(VENV)/.dependencies
	@echo "facesearch: installing Milvus and Ray (some minutes, once)"
	@$(PIP) install $(PINS) --group backends
	@touch $@

test-backends: install $(VENV)/.backends
	@FACESEARCH_TEST_WHEEL=1 $(BIN)/pytest --durations=10 -m backends tests/backends

check: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache > $(VENV)/imports.txt || (cat $(VENV)/imports.txt; exit 1)
	@OMP_NUM_THREADS=1 FACESEARCH_TEST_WHEEL=1 $(BIN)/pytest -q -n 2 -m "not slow and not backends"

bench: install
	@$(BIN)/facesearch bench index
	@$(BIN)/facesearch bench verify
	@$(BIN)/facesearch bench stages

clean:
	rm -rf $(VENV) facesearch-demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
