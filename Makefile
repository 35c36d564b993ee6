# Everything that can be done with this repository. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

TARGET := $(or $(CARGO_TARGET_DIR),target)
LINKED := $(TARGET)/wasm32-wasip1/filter/peergate.wasm
FILTER := $(TARGET)/wasm32-wasip1/release/peergate.wasm
CARGO := cargo
export CARGO_TERM_COLOR ?= never

.PHONY: help tools filter filter-trap operation soak node cli demo test lint core-bare unit conformance proxies node-test deploy-test bench bench-node bench-envoy fuzz package clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

tools: ## Check for rustup or cargo, Node 20, Python 3 with pip and openssl; add the Rust targets
	@sh tests/tools/need.sh

filter: tools ## Build the Envoy filter: target/wasm32-wasip1/release/peergate.wasm
	CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS="$$(sh tests/tools/wasm/flags.sh)" \
		$(CARGO) build --quiet --locked --profile filter -p peergate-envoy --target wasm32-wasip1
	node tests/tools/wasm/shrink.mjs $(LINKED) $(FILTER) envoy-filter/interface.txt

filter-trap: tools ## Build a filter that a header makes trap, for the test that Envoy survives it
	$(CARGO) build --quiet --locked -p peergate-envoy --target wasm32-wasip1 --features trap-for-tests

node: tools ## Build the npm package: node-binding/dist
	sh node-binding/build.sh

cli: tools ## Build the peergate command: target/debug/peergate
	$(CARGO) build --quiet --locked -p peergate-cli

demo: filter node cli ## Start Envoy and a Node service, ask as several callers, print what was answered and why
	node examples/demo/run.mjs $(if $(KEEP),--keep)

test: lint core-bare unit conformance operation proxies node-test deploy-test ## Everything that CI runs
	@$(MAKE) --no-print-directory demo

lint: tools ## Formatting, clippy and documentation
	$(CARGO) fmt --all --check
	python3 -B tests/tools/make-fixtures.py --check
	$(CARGO) clippy --quiet --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --quiet --locked -p peergate-envoy --release --target wasm32-wasip1 -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --quiet --locked --no-deps -p peergate-core -p peergate-cli --lib

core-bare: tools ## Prove that core needs no operating system, and what it does without certificates
	$(CARGO) check --quiet --locked -p peergate-core --no-default-features --target thumbv7em-none-eabi
	$(CARGO) test --quiet --locked -p peergate-core --test without_x509

unit: filter ## Unit, property and command-line tests, and the filter in a hostile host
	$(CARGO) test --quiet --locked --features peergate-core/x509 -p peergate-core -p peergate-cli -p peergate-envoy
	$(CARGO) test --quiet --locked -p peergate-conformance --lib --test host

conformance: filter node cli ## Every fixture on core, filter, Node and Envoy; mutual TLS in Envoy; the examples
	$(CARGO) test --quiet --locked -p peergate-conformance --test mtls --test examples --test certificates
	$(CARGO) test --quiet --locked -p peergate-conformance --test conformance

operation: filter filter-trap ## In Envoy: rules replaced under load, refused documents, a trap, forged headers
	$(CARGO) test --quiet --locked -p peergate-conformance --test operation -- --nocapture

soak: filter filter-trap ## A million requests, hostile bytes among them, and 50 reloads; every answer is checked
	PEERGATE_SOAK_REQUESTS=1000000 PEERGATE_SOAK_RELOADS=50 $(CARGO) test --quiet --locked -p peergate-conformance \
		--test operation -- --nocapture --exact cases::rules_change_under_load_without_a_wrong_or_a_lost_answer

proxies: node ## nginx, HAProxy, httpd, Caddy and Envoy in front of the npm package, each attacked
	$(CARGO) test --quiet --locked -p peergate-conformance --test proxies

node-test: node cli ## The npm package with real frameworks
	cd node-binding && npm test --silent

deploy-test: filter cli ## Two Envoys in a row, the Kubernetes manifests, the dashboard, the OCI image
	sh tests/deploy/run.sh

bench: tools ## Benchmarks of core and of the npm package
	$(CARGO) bench --quiet --locked -p peergate-core --features x509
	@$(MAKE) --no-print-directory bench-node

bench-node: node ## Benchmark of the npm package
	cd node-binding && npm run --silent bench

bench-envoy: filter ## CPU time per request in a real Envoy, side by side with its alternatives
	sh tests/bench-envoy/run.sh

fuzz: ## Fuzz the parsers, 60 seconds each (needs nightly and cargo-fuzz)
	sh tests/tools/fuzz.sh 60

package: filter node ## dist/peergate.wasm, its bill of materials, its OCI image layout and the npm tarball
	mkdir -p dist
	cp $(FILTER) dist/peergate.wasm
	node tests/tools/bill-of-materials.mjs peergate-envoy wasm32-wasip1 dist
	cd node-binding && npm pack --silent --pack-destination ../dist
	node tests/tools/make-oci.mjs dist/peergate.wasm dist/peergate-oci $$(node -p 'require("./node-binding/package.json").version')
	@find dist -type f -exec wc -c {} +

clean: ## Remove what was built
	rm -rf target dist node-binding/dist node-binding/node_modules tests/deploy/node_modules tests/tools/wasm/node_modules .envoy .proxies
