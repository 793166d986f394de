# Short names for what scripts/ and the tools do; nothing is decided here. `make help` lists them.
#   make unit ARGS="tests/unit/test_process.py -k told"
#   make role ROLE=haproxy
#   make lab ARGS="-k heartbeats"
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
ARGS :=
ROLE :=

.PHONY: help setup lint unit contract role roles lab test demo docs lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## .venv with all tools; no root, no Debian packages
	scripts/bootstrap --python

lint: ## ruff, mypy, yamllint, ansible-lint, syntax checks, shellcheck
	scripts/test --lint

unit: ## unit and hygiene tests; ARGS: what pytest takes
	scripts/test --unit $(if $(ARGS),-- $(ARGS))

contract: ## contracts that need no lab; ARGS: what pytest takes
	scripts/test --contract $(if $(ARGS),-- $(ARGS))

role: ## one role by itself on dirty Debian hosts: ROLE=haproxy (root)
	scripts/roles $(or $(ROLE),$(error name the role: make role ROLE=haproxy; scripts/roles --list names them))

roles: ## the roles that changed since the last landed commit, by themselves (root)
	scripts/roles --changed

lab: ## tests in the lab, which stays up: ARGS="-k heartbeats" (root)
	scripts/test --lab --keep $(if $(ARGS),-- $(ARGS))

test: ## all that a build machine runs (root)
	scripts/test $(if $(ARGS),-- $(ARGS))

demo: ## build, lose and restore the platform in a lab (root)
	scripts/demo

docs: ## write what is generated: roles' READMEs, CLI, configuration
	$(PYTHON) scripts/role_readme.py
	$(PYTHON) -m drillbook.cli.docs
	$(PYTHON) -m drillbook.config.docs

# What builds the package is in the lock for running, too: a controller makes its .venv from nothing else.
COMPILE = .venv/bin/pip-compile --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host
lock: ## compile requirements.lock (to run) and requirements-dev.lock (to test)
	$(COMPILE) --build-deps-for editable --extra proxmox --extra ec2 --extra mitogen --output-file requirements.lock pyproject.toml
	$(COMPILE) --all-extras --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	scripts/bootstrap --python
