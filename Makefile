# Everything runs in .venv, which is built from requirements.lock with the Python of this machine.
# Options go to the program behind a target: make demo ARGS='--json out.json'

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-long stack-test secure-test faults fuzz check docs bench bench-detection bench-detection-cost bench-fdr bench-measures bench-multivariate bench-recovery lock clean

BIN := .venv/bin
READY := .venv/ready

## help    list these targets
help:
	@sed -n 's/^## /  make /p' Makefile

## venv    install what the lock file names into .venv
venv: $(READY)

## demo    watch a model over a year of flights, with three faults put in
demo: $(READY)
	@$(BIN)/watchkeeper demo $(ARGS)

## test    run the tests on every Kafka broker that this machine can run, in three processes: ARGS='-n 0 -k NAME'
test: $(READY)
	@$(BIN)/pytest -n 3 --dist loadscope --no-loadscope-reorder -m "not long" $(ARGS)

## test-long  run the tests that `make test` leaves out because they take minutes each
test-long: $(READY)
	@$(BIN)/pytest -m long $(ARGS)

## stack-test  run what compose/ configures without Docker, and print what each panel and rule returned
stack-test: $(READY)
	@$(BIN)/pytest tests/compose/test_stack.py $(ARGS)

## secure-test  run a Kafka with TLS, logins and least privilege, and what each component may do there
secure-test: $(READY)
	@$(BIN)/pytest tests/compose/test_secure.py $(ARGS)

## faults  compare workers under schedules of faults with an undisturbed fold: make faults SEEDS=50 FIRST_SEED=1
SEEDS ?= 50
FIRST_SEED ?= 1
faults: $(READY)
	@$(BIN)/python -m tests.faults --seeds $(SEEDS) --first-seed $(FIRST_SEED) $(ARGS)

## fuzz    look for new input that breaks a decoder; ARGS='-k events' for some
fuzz: $(READY)
	@$(BIN)/pytest tests/fuzz --hypothesis-profile=long --timeout=0 $(ARGS)

## check   look for errors of format, style, types and imports
check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

## docs    build the documentation as a site in .cache/site, and fail on a broken link; ARGS='--site-dir FOLDER'
docs: $(READY)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build $(ARGS)

## bench   measure events per second, beside the alternatives, and two workers beside one
bench: $(READY)
	@$(BIN)/python -m benchmarks.throughput $(ARGS)
	@$(BIN)/python -m benchmarks.two_workers $(TWO_WORKERS_ARGS)

## bench-detection  measure false alarms and delays of detectors: ARGS='--json FILE', '--quick', '--only NAME'
bench-detection: $(READY)
	@$(BIN)/python -m benchmarks.detection $(ARGS)

## bench-recovery  measure how soon a killed worker goes on, with a thousand monitors
bench-recovery: $(READY)
	@$(BIN)/python -m benchmarks.recovery $(ARGS)

## bench-multivariate  measure how soon changes of many columns are seen: ARGS='--json FILE', '--quick'
bench-multivariate: $(READY)
	@$(BIN)/python -m benchmarks.multivariate $(ARGS)

## bench-detection-cost  measure what the engine costs a value, beside decoding
bench-detection-cost: $(READY)
	@$(BIN)/python -m benchmarks.detection_cost $(ARGS)

## bench-fdr  count false discoveries over correlated features and looks, beside other rules
bench-fdr: $(READY)
	@$(BIN)/python -m benchmarks.false_discoveries $(ARGS)

## bench-measures  measure how often each measure of drift is wrong when nothing has drifted
bench-measures: $(READY)
	@$(BIN)/python -m benchmarks.measures $(ARGS)

## lock    choose the versions of all dependencies again
COMPILE = env -u PIP_FIND_LINKS -u PIP_INDEX_URL -u PIP_EXTRA_INDEX_URL -u UV_FIND_LINKS -u UV_INDEX -u UV_DEFAULT_INDEX \
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-config --quiet \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links
lock: $(READY)
	$(COMPILE) --extra demo --extra explain --extra bench --extra docs --extra dev --upgrade --output-file requirements.lock
	$(COMPILE) --constraint requirements.lock --output-file compose/requirements.lock
	$(COMPILE) --constraint requirements.lock --extra demo --output-file compose/requirements-demo.lock

## clean   remove .venv and every cache
clean:
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

FIND_PYTHON = for name in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
	  "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$name"; break; }; \
	done

$(READY): requirements.lock pyproject.toml client/pyproject.toml
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  python=$$($(FIND_PYTHON)); \
	  test -n "$$python" || { echo "Watchkeeper needs Python 3.11 or newer; install it, or name it: make PYTHON=/path/to/python3" >&2; exit 2; }; \
	  echo "Making .venv with $$("$$python" --version)"; \
	  "$$python" -m venv --clear .venv || { echo "$$python cannot make a .venv; on Debian: apt-get install python3-venv" >&2; exit 2; }; \
	fi
	@echo "Installing what requirements.lock names; the first time takes a minute or two"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable client --editable .
	@touch $(READY)
