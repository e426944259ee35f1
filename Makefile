# Needs nothing but a Python from 3.11 to 3.13; everything else comes from the package registry.
# With `uv` on PATH the set-up takes seconds, with pip alone some minutes and about 7 GB on Linux.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PULLED := $(VENV)/.pulled

.PHONY: demo test hostile app lint setup

demo: setup
	$(BIN)/forensics demo --out demo

test: setup
	$(BIN)/python -m pytest

# 500 damaged files through every analysis; `make test` tries 200, and 500 on those of JPEG.
hostile: setup
	FORENSICS_MUTATIONS=100 $(BIN)/python -m pytest tests/hostile

app: setup
	$(BIN)/forensics app

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

setup: $(INSTALLED) $(PULLED)

$(INSTALLED): requirements.lock pyproject.toml
	@set -euo pipefail; \
	if [ ! -x $(BIN)/python ]; then \
	  found=; \
	  for candidate in python3.11 python3.12 python3.13 python3 python; do \
	    if "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	      2>/dev/null; then found=$$candidate; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "No Python from 3.11 to 3.13 on PATH; install one and run make again." >&2; exit 1; \
	  fi; \
	  echo "Setting up $(VENV) with $$("$$found" --version)"; \
	  if command -v uv >/dev/null; then uv venv --quiet --python "$$(command -v $$found)" $(VENV); \
	  else "$$found" -m venv $(VENV); fi; \
	fi; \
	if command -v uv >/dev/null; then install=(uv pip install --quiet --python $(BIN)/python); \
	else install=($(BIN)/python -m pip install --quiet --disable-pip-version-check); fi; \
	"$${install[@]}" -r requirements.lock; \
	"$${install[@]}" --no-deps --no-build-isolation --editable .
	@touch $@

# Without the network the rest still works: two detectors with their own calibration.
$(PULLED): $(INSTALLED) forensics/backbones/clip_vit_b16.toml
	@if $(BIN)/forensics weights pull clip_vit_b16; then touch $@; \
	else echo "Going on without CLIP: the detector clip_pairs will be missing." >&2; fi
