# The commands of this project. They need Python >= 3.11 and make (GNU make 3.81 will do) and nothing else: .venv is made
# by scripts/environment.sh from uv.lock, with hashes, and made again when pyproject.toml or uv.lock change.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

BIN := .venv/bin
# The stamp is named after this folder: a checkout that was moved makes its environment anew.
STAMP := .venv/.installed-$(shell pwd -P | cksum | cut -d' ' -f1)
LOCKED := pyproject.toml uv.lock scripts/uv-requirements.txt
# A Python that was taken away under the environment (a system upgrade) counts as no environment.
REMAKE := $(if $(shell test -x $(BIN)/python && echo alive),,remake)

PROCESSES := 2
ARGS ?=
# By file: a file's shared fixtures (a gateway, a workload) are then set up once, not once a process.
PYTEST = $(BIN)/python -m pytest -n $(or $(N),$(PROCESSES)) --dist loadfile

.PHONY: $(shell sed -nE 's/^([a-z-]+):.*/\1/p' Makefile)

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile
	@echo '  ARGS="..." is handed on to the command (make test ARGS="-k streams"), N=4 is the number of test processes.'

demo: $(STAMP)  ## a seeded workload against a stand-in provider, and what it cost
	@$(BIN)/fastagentic demo $(ARGS)

# Its tests wait for much of their time: on two cores a third process makes it shorter by a sixth.
test: PROCESSES := 3
test: $(STAMP)  ## the default tier, on the real SDKs: under 5 minutes
	@$(PYTEST) -m "not slow and not operators and not browser and not docs" $(ARGS)

test-slow: $(STAMP)  ## what the default tier leaves out: matrices, load, faults, a fresh environment
	@$(PYTEST) -m "slow and not operators and not browser" $(ARGS)

test-all: $(STAMP) .venv/.group-operators .venv/.group-browser .venv/.group-docs  ## every test there is
	@$(PYTEST) $(ARGS)

matrix: $(STAMP)  ## the default tier on Python 3.11, 3.12 and 3.13; ARGS="--only 3.13 tests/core" for less
	@$(BIN)/python scripts/matrix.py -n $(or $(N),$(PROCESSES)) $(ARGS)

# Exit status 3: what builds them is missing. The tests that need them then say so and skip.
operators: $(STAMP) .venv/.group-operators  ## collector, Prometheus, dashboards, ClickHouse: the real ones
	@sh scripts/collector.sh build >/dev/null || [ $$? -eq 3 ]
	@sh scripts/prometheus.sh build >/dev/null || [ $$? -eq 3 ]
	@$(PYTEST) -m "operators and not slow" tests/operators tests/docs $(ARGS)

operators-slow: $(STAMP) .venv/.group-operators  ## the same on Prometheus 3, which it builds, and every rule wrong in every way
	@sh scripts/collector.sh build >/dev/null || [ $$? -eq 3 ]
	@sh scripts/prometheus.sh build 3 >/dev/null || [ $$? -eq 3 ]
	@$(PYTEST) -m "operators and slow" tests/operators $(ARGS)

collector:  ## build the OpenTelemetry Collector of collector-config/ (8 minutes the first time), print where it is
	@sh scripts/collector.sh build

dashboards: $(STAMP) .venv/.group-operators  ## write dashboards/*.json from dashboards/src; ARGS="--langfuse URL --runbooks URL"
	@$(BIN)/python -m dashboards.src $(ARGS)

pictures: $(STAMP) .venv/.group-operators  ## draw docs/images/dashboards-*.png: a preview of each Grafana dashboard, with live data
	@$(BIN)/python scripts/dashboard_pictures.py $(ARGS)

browser: $(STAMP) .venv/.group-browser  ## the local dashboard in the system's Chromium
	@$(PYTEST) -m browser tests/browser $(ARGS)

docs: $(STAMP) .venv/.group-docs  ## the documentation as a site, in site/: strict, and nothing in it asks elsewhere
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@$(BIN)/python -m pytest -m docs tests/docs/test_site.py $(ARGS)

lint: $(STAMP)  ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

format: $(STAMP)  ## put the code into shape
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(STAMP)  ## what observing a call costs, as a table; no time is asserted
	@$(BIN)/python benchmarks/overhead.py $(ARGS)
	@$(BIN)/python benchmarks/footprint.py
	@$(BIN)/python benchmarks/encode.py
	@$(BIN)/python benchmarks/pipeline.py --rounds 6 --paced-rounds 0
	@$(BIN)/python benchmarks/app.py --rounds 3 --requests 1000

faults: $(STAMP)  ## the fault table: backends that fail and processes that die; exits with 1 when a span was lost
	@$(BIN)/python benchmarks/delivery.py --only all $(ARGS)

lockstep: $(STAMP)  ## what a fault costs a call: faulty against well, block by block, with intervals (7 minutes)
	@$(BIN)/python benchmarks/lockstep.py $(ARGS)

peers: $(STAMP)  ## the same calls through other instrumentations, an environment each; writes docs/compare.md
	@$(BIN)/python benchmarks/peers --write docs/compare.md $(ARGS)

release-check: $(STAMP)  ## wheel and sdist, in dist/, installed where nothing else is: alone and with each extra
	@$(BIN)/python scripts/release_check.py $(ARGS)

example: $(STAMP)  ## serve examples/support_agent on loopback: two endpoints, a tool, hooks, both gateways
	@$(BIN)/fastagentic serve examples.support_agent.main:app $(ARGS)

lock: $(STAMP)  ## resolve pyproject.toml into uv.lock
	$(BIN)/uv lock $(ARGS)

clean:  ## remove the environment, the caches, the demo's gateway and store
	rm -rf .venv .matrix .portkey-gateway .fastagentic .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist site
	find src tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} +

remake:

$(STAMP): $(LOCKED) scripts/environment.sh $(REMAKE)
	@sh scripts/environment.sh install $@

# Dependency groups that only one tier needs; the environment itself, made anew, takes them away.
.venv/.group-%: $(STAMP)
	@sh scripts/environment.sh add $@ $*
