# The front door. Meson and ninja do the work: this file only names what people do. Everything that is made is in build/.
.DEFAULT_GOAL := help
.PHONY: help deps build demo test bench soak coverage fuzz lint format install clean
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
PREFIX ?= /usr/local
NODE_MODULES := node_modules/.package-lock.json

help: ## list what there is (this)
	@echo "usage: make TARGET"; echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 12

deps: ## install what is missing from Debian's packages and from npm (root, or sudo)
	@tools/deps
	@$(MAKE) -s $(NODE_MODULES)

build: ## build/release/comity
	@tools/deps build
	@tools/build release

demo: ## two communities, a hospital and a clinic, step by step; about 30 s after the build. KEEP=1: to try in a browser
	@tools/deps build demo
	@tools/build release
	@build/release/comity demo $(if $(KEEP),--keep --asking 10)

test: ## everything that is checked; `tests/run --help` for a part of it
	@tools/deps build demo test
	@$(MAKE) -s $(NODE_MODULES)
	@tests/run

bench: ## speed and size beside nginx, HAProxy, PostgreSQL and Cedar; tables, and build/bench.json
	@tools/deps build bench test
	@$(MAKE) -s $(NODE_MODULES)
	@tools/build release all bench/log_bench bench/release_bench bench/policy_bench
	@bench/run.py

soak: ## load and faults for SECONDS (600), 1,000 kills, 1,000 seeds of torture and its mutants, histories of withdrawals, millions of decisions against the slow model
	@tools/deps build bench test
	@tools/build release
	@tools/build gcc tests/unit/policy/decide_model_test
	@DECIDE_WORLDS=$(or $(DECIDE_WORLDS),5000000) build/gcc/tests/unit/policy/decide_model_test
	@cd tests/support && HISTORY_SECONDS=$(or $(HISTORY_SECONDS),600) PYTHONPATH=. COMITY=../../build/release/comity /usr/bin/python3 ../integration/withdrawal_history_test.py
	@bench/soak.py --seconds $(or $(SECONDS),600)
	@cd tests/support && KILLS=$(or $(KILLS),1000) PYTHONPATH=. COMITY=../../build/release/comity /usr/bin/python3 ../faults/kill_test.py
	@cd tests/support && BITS=0 MUTATIONS=20000 PYTHONPATH=. COMITY=../../build/release/comity /usr/bin/python3 ../interop/evidence_test.py
	@build/release/comity torture --seed 1 --runs $(or $(RUNS),1000)
	@cd tests/support && MUTANTS=all PYTHONPATH=. /usr/bin/python3 ../faults/mutant_test.py

coverage: ## which branches of the decision its tests run; every one must be
	@tools/coverage

fuzz: ## each fuzz target for SECONDS (60); TARGET=name for one
	@tools/deps build test
	@tools/build fuzz $(patsubst %.c,%,$(wildcard fuzz/*_fuzz.c))
	@tools/fuzz --seconds $(or $(SECONDS),60) $(TARGET)

lint: ## form, layers, headers, static analysis, spelling
	@tools/deps build test lint
	@tools/build asan
	@tools/lint

format: ## bring the C code into its form (clang-format)
	@tools/deps test
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

install: ## into PREFIX (/usr/local), under DESTDIR if set
	@tools/deps build
	@tools/build release
	@meson configure build/release -Dprefix=$(PREFIX)
	@meson install -C build/release --strip

clean: ## remove everything that was made
	rm -rf build node_modules

$(NODE_MODULES): package.json package-lock.json
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@
