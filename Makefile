# The two commands that matter are `make run` and `make test`; both set up what a fresh machine lacks.

CARGO ?= cargo
JOBS_TARGET := target/guest
WASM := $(JOBS_TARGET)/wasm32-wasip1/job
AMPULE := $(or $(CARGO_TARGET_DIR),target)/release/ampule
# Guest jobs are built beside the host's own artefacts, so that neither waits for the other's lock.
BUILD_JOBS := $(CARGO) build --quiet --package ampule-jobs --bins --target wasm32-wasip1 --profile job --target-dir $(JOBS_TARGET)

.DEFAULT_GOAL := help
.PHONY: help setup jobs build run test lint layers bench clean

help: ## Lists the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## (.*)/  \1\t\2/' | expand -t 12

setup: ## Installs what is missing: a C linker (through apt, as root) and the wasm target
	@sh .ci/setup

jobs: setup ## Builds the example jobs to wasm
	@echo "== building the example jobs (a minute the first time)"
	@$(BUILD_JOBS)

build: setup ## Builds the release binary
	@[ -x $(AMPULE) ] || echo "== building ampule (the first time some seven minutes on two cores: wasmtime is compiled)"
	@$(CARGO) build --release --package ampule --bin ampule

run: build jobs ## Runs the example jobs on real input
	@AMPULE=$(AMPULE) AMPULE_CATALOG=$(WASM) sh jobs/demo.sh

test: setup ## Runs every test: host, guest SDK, jobs, documents
	@echo "== building the tests (the first time some ten minutes on two cores: wasmtime is compiled)"
	@echo "== examples in the documents"
	@$(CARGO) test --quiet --doc --workspace
	@echo "== everything else"
	@if $(CARGO) nextest --version >/dev/null 2>&1; \
	then $(CARGO) nextest run --workspace --no-fail-fast; \
	else $(CARGO) test --workspace --no-fail-fast --lib --bins --tests; fi

lint: setup ## Checks format, lints, documentation and layers
	$(CARGO) fmt --all --check
	$(CARGO) clippy --quiet --workspace --all-targets -- -D warnings
	$(CARGO) clippy --quiet --package ampule-jobs --bins --target wasm32-wasip1 --target-dir $(JOBS_TARGET) -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --quiet --no-deps --package ampule --lib --package ampule-guest
	@$(MAKE) --no-print-directory layers

layers: ## Checks that each layer compiles without the next
	$(CARGO) check --quiet --package ampule --lib --no-default-features
	$(CARGO) check --quiet --package ampule --lib --bins

bench: setup ## Measures the hot path beside a hand-written wasmtime loop
	$(CARGO) bench --package ampule --bench run

clean: ## Removes everything that was built
	$(CARGO) clean
