# The commands of the project; `make` lists them. What they do stands in config/local/.
.DEFAULT_GOAL := help
.PHONY: help up services-up down status logs test test-services-up test-services-down check format bench images check-images lock

PYTHON := .venv/bin/python
STACK := $(PYTHON) config/local/stack.py

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## Install what is missing, start the portal, harvest the simulated city, publish
	@config/local/install.sh run
	@$(STACK) up

services-up: ## As up, without harvesting
	@config/local/install.sh run
	@$(STACK) services-up

down: ## Stop the portal; data stays
	@test ! -x $(PYTHON) || $(STACK) down

status: ## What runs, and where
	@$(STACK) status

logs: ## Follow the logs
	@$(STACK) logs

test: ## Checks and all tests, on services of their own (PYTEST_ARGS is passed on)
	@config/local/install.sh test
	@$(STACK) test $(if $(PYTEST_ARGS),-- $(PYTEST_ARGS))

test-services-up: ## Only the tests' services, to run single tests against (docs/developer.md)
	@config/local/install.sh test
	@$(STACK) test-services-up

test-services-down: ## Stop the tests' services
	@$(STACK) test-services-down

check: ## Lint, formatting, types, import rules, declarations
	@config/local/install.sh check
	@$(PYTHON) config/local/checks.py

format: ## Put the code into the project's format
	@config/local/install.sh check
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

bench: ## Measure: full city, unchanged city, one changed dataset, privacy gate, feed, search, pages
	@config/local/install.sh test
	@$(PYTHON) -m tests.bench

images: ## Build the production images
	@docker/build.sh

check-images: ## Build the images and run them against real services
	@docker/check.sh

lock: ## Resolve requirements*.in anew
	@config/local/install.sh check
	@.venv/bin/uv pip compile --quiet --upgrade --generate-hashes --python-version 3.11 requirements.in --output-file requirements.txt
	@.venv/bin/uv pip compile --quiet --upgrade --generate-hashes --python-version 3.11 requirements-dev.in --output-file requirements-dev.txt
