# The two commands that matter are `make run` and `make test`; both set up what a fresh machine lacks.

CARGO ?= cargo
JOBS_TARGET := target/guest
WASM := $(JOBS_TARGET)/wasm32-wasip1/job
TARGET := $(or $(CARGO_TARGET_DIR),target)
AMPULE := $(TARGET)/release/ampule
# What the release is built from, whichever part of it: another choice would give wasmtime other features, and build it
# again.
PARTS := --package ampule --package ampule-snapshot --package ampule-merge
RELEASE := $(CARGO) build --release $(PARTS)
BENCH := $(CARGO) bench $(PARTS)
# Guest jobs are built beside the host's own artefacts, so that neither waits for the other's lock.
BUILD_JOBS := $(CARGO) build --quiet --package ampule-jobs --bins --target wasm32-wasip1 --profile job --target-dir $(JOBS_TARGET)

.DEFAULT_GOAL := help
.PHONY: help setup jobs interpreters languages build run test soak lint layers bench bench-queue bench-server clean

help: ## Lists the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/  \1\t\2/' | expand -t 16

setup: ## Installs what is missing: a C linker and Python (through apt, as root), the wasm target
	@sh .ci/setup

jobs: setup ## Builds the example jobs to wasm
	@echo "== building the example jobs (a minute the first time)"
	@$(BUILD_JOBS)

# With the test of a tool, so that its wasmtime is the one of all tests.
interpreters: setup ## Builds the interpreters that the binary carries: Python and JavaScript
	@$(CARGO) build --quiet --workspace --bin ampule-snapshot --bin ampule-merge --test snapshot
	@AMPULE_TOOLS=$(abspath $(TARGET))/debug sh jobs/interpreters/build

languages: build ## Builds one job in nine languages, and runs them
	@AMPULE=$(abspath $(AMPULE)) sh jobs/languages/run

build: setup ## Builds the release binary
	@[ -x $(AMPULE) ] || echo "== building ampule (the first time some ten minutes on two cores: wasmtime is compiled)"
	@$(RELEASE) --quiet --bin ampule-snapshot --bin ampule-merge
	@AMPULE_TOOLS=$(abspath $(TARGET))/release sh jobs/interpreters/build
	@$(RELEASE) --bin ampule --features ampule/interpreters

run: build jobs ## Runs the example jobs on real input
	@AMPULE=$(AMPULE) AMPULE_CATALOG=$(WASM) sh jobs/demo.sh

test: setup ## Runs every test: host, guest SDK, jobs and their suites, interpreters, documents
	@sh .ci/setup tests
	@echo "== building the tests (the first time some ten minutes on two cores: wasmtime is compiled)"
	@$(MAKE) --no-print-directory interpreters
	@sh jobs/languages/build all || [ $$? = 3 ]
	@echo "== examples in the documents"
	@$(CARGO) test --quiet --doc --workspace
	@echo "== the suites of the example jobs"
	@$(CARGO) test --quiet --workspace --no-run
	@AMPULE_CATALOG=$(WASM) $(TARGET)/debug/ampule test jobs
	@echo "== what the server answers, held to its OpenAPI document"
	@AMPULE=$(abspath $(TARGET))/debug/ampule sh tests/schemathesis/run
	@echo "== everything else"
	@if $(CARGO) nextest --version >/dev/null 2>&1; \
	then $(CARGO) nextest run --workspace --no-fail-fast; \
	else $(CARGO) test --workspace --no-fail-fast --lib --bins --tests; fi

# How often something is killed in each test of a soak.
KILLS ?= 100

soak: interpreters ## Kills workers, and programs that embed a queue, a hundred times each, and checks what came of it
	@if $(CARGO) nextest --version >/dev/null 2>&1; \
	then AMPULE_CHAOS_KILLS=$(KILLS) $(CARGO) nextest run --package ampule-tests --no-fail-fast -E 'test(/^chaos::/)'; \
	else AMPULE_CHAOS_KILLS=$(KILLS) $(CARGO) test --package ampule-tests --test suite -- --test-threads 1 chaos::; fi

lint: interpreters ## Checks format, lints, documentation and layers
	$(CARGO) fmt --all --check
	$(CARGO) clippy --quiet --workspace --all-targets -- -D warnings
	$(CARGO) clippy --quiet --package ampule-jobs --bins --target wasm32-wasip1 --target-dir $(JOBS_TARGET) -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --quiet --no-deps --package ampule --lib --package ampule-guest
	@$(MAKE) --no-print-directory layers

layers: ## Checks that each layer compiles without the next
	$(CARGO) check --quiet --package ampule --lib --no-default-features
	$(CARGO) check --quiet --package ampule --lib --no-default-features --features queue
	$(CARGO) check --quiet --package ampule --lib --no-default-features --features postgres
	$(CARGO) check --quiet --package ampule --lib --bins
	$(CARGO) check --quiet --package ampule --lib --bins --features interpreters

bench: build ## Measures the hot path beside a hand-written wasmtime loop, source strings beside processes, the queue
	$(BENCH) --bench run
	$(BENCH) --bench interpreters --features ampule/interpreters
	@$(MAKE) --no-print-directory bench-queue

# `make bench-queue SIZE=full` takes half an hour and adds a million finished rows.
bench-queue: setup ## Measures the durable queue beside graphile-worker and apalis, which it installs
	@CARGO="$(CARGO)" sh host/benches/peers/install $(abspath $(TARGET))
	$(BENCH) --bench queue -- $(SIZE)

bench-server: setup ## Measures the job server beside an echo and `wasmtime serve`, which it builds
	@CARGO="$(CARGO)" sh host/benches/peers/install-server $(abspath $(TARGET))
	$(BENCH) --bench server

clean: ## Removes everything that was built
	$(CARGO) clean
