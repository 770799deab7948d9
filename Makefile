# make demo: the main job on a real brain.  make verify: known answers, measured again.  make test: the test suite.  All set everything up on first use.
VENV ?= .venv
RANKS ?= 2
OUT ?= out/demo

.PHONY: demo verify test lint setup constraints

demo: setup
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(VENV)/bin/mpirun -n $(RANKS) $(VENV)/bin/fibertwin demo -o $(OUT)

verify: setup
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(VENV)/bin/fibertwin verify -o out/verify

test: setup
	@tools/test $(VENV)/bin

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

setup:
	@tools/bootstrap $(VENV)

constraints: setup
	$(VENV)/bin/uv pip compile -q --upgrade --universal --no-header --no-annotate --python-version 3.12 \
		--extra all --extra dev pyproject.toml -o constraints.txt
