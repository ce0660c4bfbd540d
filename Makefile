# On a fresh machine: `make speedrun` trains an assistant, `make web` opens it in the browser, `make test` tests.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PRESET ?= laptop

.PHONY: speedrun web test check format clean

speedrun: $(VENV)/.installed
	$(BIN)/primer speedrun --preset $(PRESET)

# The newest run in the browser, with all that a server can need.
web: $(VENV)/.installed-serve
	$(BIN)/primer web

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m "not slow and not gpu"

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# torch first and by number where there is no NVIDIA driver: a range would fetch gigabytes of CUDA.
$(VENV)/.installed: pyproject.toml
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	command -v nvidia-smi >/dev/null || $(BIN)/pip install --quiet torch==2.13.0 $(TORCH_INDEX)
	$(BIN)/pip install --quiet --editable .
	touch $@

$(VENV)/.installed-serve: $(VENV)/.installed pyproject.toml
	$(BIN)/pip install --quiet --editable ".[serve]"
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed pyproject.toml
	$(BIN)/pip install --quiet --editable ".[dev]"
	touch $@
