# callbot. `make` alone lists what can be made; everything sets itself up.

VENV := .runtime/venv/bin

.PHONY: help setup train demo test test-long bench bench-nlu chaos lint fuzz

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what is missing: packages, Asterisk, callbot's and Rasa's environments
	@scripts/setup.sh

train: setup ## train the Rasa model, unless the one for these very sentences exists
	@$(VENV)/callbot nlu train

demo: train ## three real telephone calls, live on screen; at a terminal, then dial in yourself
	@$(VENV)/python scripts/demo.py

# loadscope: a module's tests share one process, so that what is dear to make for them is made once.
test: train ## the tests, real calls included; those that take minutes each are test-long's
	@$(VENV)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder --durations 12 -m "not long"

test-long: train ## schemathesis; pages in every window; restarts and learning on real calls: some ten minutes
	@$(VENV)/python -m pytest -m long

bench: train ## how fast the bot answers, alone and under load, and how well it is interrupted: real calls
	@$(VENV)/python scripts/bench_calls.py
	@$(VENV)/python scripts/bench_barge_in.py
	@$(VENV)/python scripts/bench_load.py --write

chaos: train ## a thousand real calls while everything behind them breaks; some 25 minutes
	@$(VENV)/python scripts/chaos.py --write

bench-nlu: train ## pipelines of understanding compared, written into docs/benchmarks.md
	@PYTHONWARNINGS=ignore .runtime/nlu-venv/bin/python scripts/bench_nlu.py

FUZZ_SECONDS ?= 30
fuzz: setup ## what the world can send, made odd: about ten minutes (FUZZ_SECONDS=30 for each kind)
	@nice $(VENV)/python scripts/fuzz.py --seconds $(FUZZ_SECONDS)

lint: setup ## style, imports and types
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy
