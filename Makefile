# make demo: the main job on a real brain.  make verify: known answers, measured again.  make test: the test suite.  make bench: what solves take.  All set everything up on first use.
VENV ?= .venv
RANKS ?= 2
OUT ?= out/demo

# programs that measure what solver and images take; the three others have pages of their own
BENCHMARKS = $(filter-out _% orientation decomposition demo,$(basename $(notdir $(wildcard benchmarks/*.py))))

.PHONY: demo verify test bench lint setup constraints

demo: setup
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(VENV)/bin/mpirun -n $(RANKS) $(VENV)/bin/fibertwin demo -o $(OUT)

verify: setup
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(VENV)/bin/fibertwin verify -o out/verify

test: setup
	@tools/test $(VENV)/bin

bench: setup
	@failed=0; for name in $(BENCHMARKS); do \
		OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(VENV)/bin/python benchmarks/$$name.py --markdown out/bench/$$name.md || failed=1; \
	done; exit $$failed

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

setup:
	@tools/bootstrap $(VENV)

constraints: setup
	$(VENV)/bin/uv pip compile -q --upgrade --universal --no-header --no-annotate --python-version 3.12 \
		--extra all --extra dev pyproject.toml -o constraints.txt
