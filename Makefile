# Drawbridge. `make` alone lists the targets; each does what it says on a clean clone with Go and make, nothing else.

.DEFAULT_GOAL := help
.PHONY: help demo tour demo-aws build test check vet format lint race fuzz sim conformance template-check bench cost cover clean network-tools

GO       ?= go
PKG      ?= ./...
FUZZTIME ?= 20s
RUNS     ?= 5000
SEED     ?= 1
BENCH    ?= full
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
BINARY   := bin/drawbridge
SOURCES  := $(shell git ls-files '*.go' 2>/dev/null || find . -name '*.go')

help: ## list the targets (this text)
	@echo "Drawbridge: two Jiras in sync, opened from the inside only."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "One package: make test PKG=./shared/merge/..."

# --- build ------------------------------------------------------------------------------------------------------------

build: ## build bin/drawbridge, one static binary
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -X main.version=$(VERSION)' -o $(BINARY) ./cmd/drawbridge

# --- see it run -------------------------------------------------------------------------------------------------------

demo: build ## two simulated Jiras, a hub and a poller, connected; Ctrl-C stops them
	@$(BINARY) demo --dir demo

tour: build ## the same, and a walk through everything it does; fails on the first thing not so
	@$(BINARY) demo --script --dir "$$(mktemp -d)"

demo-aws: ## the same walk against template.yaml, deployed on emulated AWS (needs Linux and Python)
	@$(unskipped)
	@$(GO) test -count=1 -timeout 15m -run '^TestTour$$' -v ./tests/awstour
	@$(skipped)

# --- test -------------------------------------------------------------------------------------------------------------
# What lacks a tool is skipped, and said so at the end; with CI set it fails (tests/engine).
export DRAWBRIDGE_SKIPPED := $(CURDIR)/bin/skipped
unskipped = mkdir -p bin && rm -f $(DRAWBRIDGE_SKIPPED)
skipped   = test ! -f $(DRAWBRIDGE_SKIPPED) || sort -u $(DRAWBRIDGE_SKIPPED)

# `make test` is what .ci/run calls. sim, conformance and template-check are parts of it that can be run by themselves.

test: check network-tools ## everything CI runs: format, vet, build, all tests
	@$(unskipped)
ifeq ($(PKG),./...)
	@echo "==> go test: packages"
	@$(GO) test -timeout 15m $$($(GO) list ./... | grep -v '/tests/')
	@echo "==> a short look for bodies, queries and invitations that break a reader"
	@$(MAKE) --no-print-directory fuzz FUZZTIME=2s PKG='./shared/sign ./shared/jira ./shared/exchange ./shared/rule'
	@echo "==> go test: what crosses packages, one after the other (real processes and engines want the machine for themselves)"
	@$(GO) test -count=1 -timeout 25m -p 1 ./tests/...
else
	@echo "==> go test $(PKG)"
	@$(GO) test -timeout 25m $(PKG)
endif
	@$(skipped)
	@echo "==> all green"

network-tools: ## install what the network proof needs, where it is missing (Debian, as root)
	@bash scripts/network-tools.sh

check: format vet ## the fast half of test: format, vet, build
	@echo "==> go build ./..."
	@$(GO) build ./...

format: ## fail if a Go file is not formatted (gofmt -w mends it)
	@echo "==> gofmt"
	@bad=$$(gofmt -l $(SOURCES)); test -z "$$bad" || { echo "not formatted, run gofmt -w:"; echo "$$bad"; exit 1; }

vet: ## go vet
	@echo "==> go vet ./..."
	@$(GO) vet ./...

lint: format vet ## format, vet, and the rules of tests/layout
	@$(GO) test -count=1 ./tests/layout/...

sim: ## the whole product under random edits and faults: make sim RUNS=20000 SEED=7
	$(GO) test -count=1 -timeout 6h -run '^TestEverythingConverges$$' ./tests/sim -runs $(RUNS) -seed $(SEED)

conformance: ## every driver of store, queue, blobs and secrets against its port's suite, the AWS ones on real engines
	@$(unskipped)
	$(GO) test -count=1 ./shared/store/... ./shared/queue/... ./shared/blob/... ./shared/secret/... ./functions/... ./tests/engine
	@$(skipped)

template-check: ## template.yaml: sam validate, cfn-lint, our own invariants, a deployment on emulated AWS
	@$(unskipped)
	$(GO) test -count=1 ./tests/template
	@$(skipped)

race: ## the tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race $(PKG)

fuzz: ## every fuzz target for FUZZTIME each (default 20s)
	@$(GO) list -f '{{.Dir}}' $(PKG) | while read -r dir; do \
	  grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$$dir"/*_test.go 2>/dev/null | awk '{print $$2}' | while read -r target; do \
	    echo "==> $$target in $$dir"; \
	    (cd "$$dir" && $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x .) </dev/null || exit 1; \
	  done || exit 1; \
	done

cost: ## AWS requests for one synced change, the price of a million and of an idle month, a stack's fixed cost; the functions' size, start, memory
	@$(GO) test -count=1 -v ./tests/cost
	@$(GO) test -count=1 -v -run TestABatchOfTenNeedsLittleMemory ./functions/wire

bench: ## measure all scenes, one table, bin/bench.json (docs/performance.md); BENCH=quick: under five minutes
	@mkdir -p bin
	@BENCH=$(BENCH) BENCH_OUT=$(CURDIR)/bin/bench.json $(GO) test -count=1 -timeout 6h -run '^TestBench$$' ./tests/bench; code=$$?; cat bin/bench.txt; exit $$code

cover: ## test coverage by function into coverage.out
	$(GO) test -coverprofile=coverage.out $(PKG)
	@$(GO) tool cover -func=coverage.out | tail -1

# --- clean ------------------------------------------------------------------------------------------------------------

clean: ## remove what was built (the demo's state in demo/ stays)
	rm -rf bin coverage.out .aws-sam
