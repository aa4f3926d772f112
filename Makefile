# All programs run in .venv, which is installed from requirements.lock with the Python of this machine.
# ARGS passes options to the program of a target: make demo ARGS='--json out.json'

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-long stack-test secure-test faults ruin healthy fuzz check docs bench bench-detection bench-detection-cost bench-fdr bench-measures bench-multivariate bench-recovery lock clean

BIN := .venv/bin
READY := .venv/ready

## help    list these targets
help:
	@sed -n 's/^## /  make /p' Makefile

## venv    install requirements.lock into .venv
venv: $(READY)

## demo    monitor a model over a year of flights with three injected faults
demo: $(READY)
	@$(BIN)/watchkeeper demo $(ARGS)

## test    run the tests in three processes, on every available Kafka broker: ARGS='-n 0 -k NAME'
test: $(READY)
	@$(BIN)/pytest -n 3 --dist loadscope --no-loadscope-reorder -m "not long" $(ARGS)

## test-long  run the slow tests, which `make test` skips
test-long: $(READY)
	@$(BIN)/pytest -n 3 --dist loadscope --no-loadscope-reorder -m long $(ARGS)

## stack-test  run the stack of compose/ without Docker, and print the result of each panel and rule
stack-test: $(READY)
	@$(BIN)/pytest tests/compose/test_stack.py $(ARGS)

## secure-test  test the access of each component to a Kafka with TLS, logins and ACLs
secure-test: $(READY)
	@$(BIN)/pytest tests/compose/test_secure.py $(ARGS)

## faults  inject faults into workers and brokers, and compare with an undisturbed run: SEEDS=50 FIRST_SEED=1
SEEDS ?= 50
FIRST_SEED ?= 1
faults: $(READY)
	@$(BIN)/python -m tests.faults --seeds $(SEEDS) --first-seed $(FIRST_SEED) $(ARGS)

## ruin    change the logs under checkpoints, and check that it is told and counted: ARGS='--kinds overtaken'
ruin: $(READY)
	@$(BIN)/python -m tests.faults.ruin $(ARGS)

## healthy  replay three days of 30 new and healthy models; almost nothing may fire: ARGS='--models 4 --days 1'
healthy: $(READY)
	@$(BIN)/python -m tests.faults.healthy $(ARGS)

## fuzz    search for input that breaks a decoder: ARGS='-k events'
fuzz: $(READY)
	@$(BIN)/pytest tests/fuzz --hypothesis-profile=long --timeout=0 $(ARGS)

## check   check format, style, types and imports
check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

## docs    build the documentation site in .cache/site; a broken link is an error: ARGS='--site-dir FOLDER'
docs: $(READY)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build $(ARGS)

## bench   measure events per second of Watchkeeper and its alternatives, and of one and two workers
bench: $(READY)
	@$(BIN)/python -m benchmarks.throughput $(ARGS)
	@$(BIN)/python -m benchmarks.two_workers $(TWO_WORKERS_ARGS)

## bench-detection  measure false alarms and delays of detectors: ARGS='--json FILE --quick --only NAME'
bench-detection: $(READY)
	@$(BIN)/python -m benchmarks.detection $(ARGS)

## bench-recovery  measure how fast a killed worker recovers, with a thousand monitors
bench-recovery: $(READY)
	@$(BIN)/python -m benchmarks.recovery $(ARGS)

## bench-multivariate  measure how fast multivariate changes are detected: ARGS='--json FILE --quick'
bench-multivariate: $(READY)
	@$(BIN)/python -m benchmarks.multivariate $(ARGS)

## bench-detection-cost  measure the CPU time of the engine per value
bench-detection-cost: $(READY)
	@$(BIN)/python -m benchmarks.detection_cost $(ARGS)

## bench-fdr  measure false discoveries and power of e-LOND and other rules
bench-fdr: $(READY)
	@$(BIN)/python -m benchmarks.false_discoveries $(ARGS)

## bench-measures  measure the false positive rate of each drift measure
bench-measures: $(READY)
	@$(BIN)/python -m benchmarks.measures $(ARGS)

## lock    upgrade the versions of all dependencies in the lock files
COMPILE = env -u PIP_FIND_LINKS -u PIP_INDEX_URL -u PIP_EXTRA_INDEX_URL -u UV_FIND_LINKS -u UV_INDEX -u UV_DEFAULT_INDEX \
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-config --quiet \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links
lock: $(READY)
	$(COMPILE) --extra demo --extra explain --extra bench --extra docs --extra dev --upgrade --output-file requirements.lock
	$(COMPILE) --constraint requirements.lock --output-file compose/requirements.lock
	$(COMPILE) --constraint requirements.lock --extra demo --output-file compose/requirements-demo.lock

## clean   remove .venv and all caches
clean:
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

FIND_PYTHON = for name in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
	  "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$name"; break; }; \
	done

$(READY): requirements.lock pyproject.toml client/pyproject.toml
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  python=$$($(FIND_PYTHON)); \
	  test -n "$$python" || { echo "Watchkeeper needs Python 3.11 or newer. Install it, or set its path: make PYTHON=/path/to/python3" >&2; exit 2; }; \
	  echo "Making .venv with $$("$$python" --version)"; \
	  "$$python" -m venv --clear .venv || { echo "$$python cannot make a .venv; on Debian: apt-get install python3-venv" >&2; exit 2; }; \
	fi
	@echo "Installing requirements.lock; the first time takes a minute or two"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable client --editable .
	@touch $(READY)
