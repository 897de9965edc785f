# Everything runs in a virtual environment of its own, made on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test lint bench clean

help:
	@echo "make demo   run examples/plot_quickstart.py"
	@echo "make test   run the whole test suite"
	@echo "make lint   run the linter"
	@echo "make bench  time skvi against its peers (DATA=dir for real data)"

$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[test,bench]"
	touch $(READY)

demo: $(READY)
	MPLBACKEND=Agg $(BIN)/python examples/plot_quickstart.py

test: $(READY)
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest --numprocesses auto \
		$(wildcard tests/test_*kernels.py)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: $(READY)
	$(BIN)/python -m benchmarks mixture $(if $(DATA),--data $(DATA))
	$(BIN)/python -m benchmarks topics $(if $(DATA),--data $(DATA))
	$(BIN)/python -m benchmarks linear $(if $(DATA),--data $(DATA))
	$(BIN)/python -m benchmarks stein $(if $(DATA),--data $(DATA))
	$(BIN)/python -m benchmarks posteriors $(if $(DATA),--data $(DATA))

clean:
	rm -rf $(VENV) build dist
	find . -name __pycache__ -prune -exec rm -rf {} +
