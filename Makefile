# Needs Python >= 3.11, make and a package index; makes .venv by itself and installs again only when pyproject.toml changes.

VENV ?= .venv
BIN := $(VENV)/bin
RUNS ?= runs

# The first Python that starts, is new enough and can make an environment (a name alone is no proof: it may be a dead shim).
SUITABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	if $$name -c '$(SUITABLE)' >/dev/null 2>&1; then echo $$name; break; fi; done)

.PHONY: help demo test test-slow lint types format clean kernels native

help:
	@echo "make demo       train on the bundled penguins and on digits, and say where the reports are"
	@echo "make test       the test suite (under 5 minutes on 2 cores)"
	@echo "make test-slow  the tests that take longer"
	@echo "make native     compile the native kernels where this checkout finds them (needs cmake, ninja, a C++ compiler)"
	@echo "make lint       ruff, rules and format"
	@echo "make types      pyright"
	@echo "make format     let ruff mend what it can"

demo: $(VENV)/installed
	@$(BIN)/lamina train sample:penguins --target species --runs $(RUNS)
	@echo
	@$(BIN)/lamina train sample:digits --runs $(RUNS)
	@echo
	@$(BIN)/lamina runs --runs $(RUNS)

# Two processes, each with whole files, so that what a file's tests share is made once. TESTS says which by their marks,
# WHERE by their folders (all, if it is empty).
TESTS ?= not slow
WHERE ?=
test: $(VENV)/installed-dev kernels
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "$(TESTS)" $(WHERE)

test-slow: $(VENV)/installed-dev kernels
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile -m slow

lint: $(VENV)/installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/installed-dev
	@$(BIN)/pyright --pythonpath $(BIN)/python

format: $(VENV)/installed-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# The native kernels as the source has them now, or none where nothing compiles them.
kernels: | $(VENV)/installed-dev
	@if [ "$$(uname -sm)" = "Linux x86_64" ] && command -v $${CXX:-c++} >/dev/null; then \
		$(MAKE) --no-print-directory native; \
	else \
		rm -rf src/lamina/kernels/_native; \
		echo "No x86-64 Linux with a C++ compiler: the native kernels are not built, all runs on JAX."; fi

# In place, for who works on native/: seconds, because what has not changed is not compiled again. ONLY="conv2d probe"
# compiles these files alone, into a library of their own (point LAMINA_NATIVE_LIBRARY at it). Two may run at once.
ONLY ?=
NATIVE_BUILD := build/native$(if $(ONLY),-$(subst $() ,-,$(strip $(ONLY))))
native: | $(BIN)/python
	@mkdir -p $(NATIVE_BUILD)
	@flock $(NATIVE_BUILD).lock sh -e -c 'export PATH="$$PATH:$(abspath $(BIN))"; \
		cmake -S . -B $(NATIVE_BUILD) -G Ninja -DPython_EXECUTABLE=$(abspath $(BIN))/python \
			-DLAMINA_ONLY="$(subst $() ,;,$(strip $(ONLY)))" --log-level=WARNING >/dev/null; \
		cmake --build $(NATIVE_BUILD) --parallel; \
		if [ -n "$(ONLY)" ]; then ls $(NATIVE_BUILD)/*.so; exit; fi; \
		mkdir -p src/lamina/kernels/_native; \
		for set in avx2 avx512 amx; do \
			if [ $$set = amx ] && grep -q "^LAMINA_COMPILES_AMX:INTERNAL=$$" $(NATIVE_BUILD)/CMakeCache.txt; then \
				rm -f src/lamina/kernels/_native/liblamina_amx.so; continue; fi; \
			cp $(NATIVE_BUILD)/liblamina_$$set.so src/lamina/kernels/_native/.$$set.new; \
			mv src/lamina/kernels/_native/.$$set.new src/lamina/kernels/_native/liblamina_$$set.so; done'

clean:
	rm -rf $(VENV) build dist src/lamina/kernels/_native .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Lamina needs Python 3.11 or newer with its venv module, and none was found." >&2; \
		echo "  Debian, Ubuntu: apt install python3 python3-venv.  Or say which: make PYTHON=/path/to/python3.12 ..." >&2; \
		exit 1; fi
	@echo "Making $(VENV) with $$($(PYTHON) --version)."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(BIN)/python
	@echo "Installing Lamina and what it needs into $(VENV) (once)."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --editable .
	@touch $@

# Without the kernels: `make native` compiles them, and again when they change.
$(VENV)/installed-dev: pyproject.toml | $(BIN)/python
	@echo "Installing Lamina and the tools that check it into $(VENV) (once)."
	@LAMINA_NATIVE=0 $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --editable '.[dev]'
	@touch $@
