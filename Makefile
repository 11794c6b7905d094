# The two commands of the README, and what its developers use. Everything is installed into .venv, at the versions of constraints.txt.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
# pip of the system installs into the environment, so that a Debian without python3-venv's ensurepip will do
INSTALL := PIP_CONSTRAINT=constraints.txt $(PYTHON) -m pip --python $(RUN)/python install --quiet --disable-pip-version-check

.PHONY: demo test test-all check format genealogy verify benchmarks clean

demo: $(VENV)/.installed  ## train the embedded default, a translator of dates, and describe it
	$(RUN)/gyebo train dates

test: $(VENV)/.installed-test  ## formatting, types, and the quick tests
	$(MAKE) --no-print-directory check
	OMP_NUM_THREADS=1 $(RUN)/python -m pytest -q -n 2 -m "not slow"

test-all: $(VENV)/.installed-test  ## the slow tests too
	$(MAKE) --no-print-directory check
	OMP_NUM_THREADS=1 $(RUN)/python -m pytest -q -n 2

check: $(VENV)/.installed-test
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/pyright --pythonpath $(RUN)/python

format: $(VENV)/.installed-test
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

genealogy: $(VENV)/.installed  ## remake the drawn tree and its pages, docs/genealogy.*
	$(RUN)/gyebo list --pages docs

verify: $(VENV)/.installed-test  ## remake docs/fidelity.md
	OMP_NUM_THREADS=1 $(RUN)/gyebo verify --output docs/fidelity.md

BENCHMARKS := recurrent translation_training transformer_training image_training source_length loop_cost start_up
PEER := .venv-joeynmt
PEERS_IN_DECODING := .venv-decoding

benchmarks: $(VENV)/.installed-test $(PEER)/.installed $(PEERS_IN_DECODING)/.installed  ## measure beside the peers, remake docs/benchmarks.md
	mkdir -p build/benchmarks
	set -e; for name in $(BENCHMARKS); do $(RUN)/python benchmarks/$$name.py --json build/benchmarks/$$name.json; done
	$(PEERS_IN_DECODING)/bin/python benchmarks/decoding.py --json build/benchmarks/decoding.json
	$(RUN)/python benchmarks/page.py build/benchmarks docs/benchmarks.md

$(PEERS_IN_DECODING)/.installed: benchmarks/requirements-decoding.txt pyproject.toml
	$(PYTHON) -m venv --without-pip $(PEERS_IN_DECODING)
	$(PYTHON) -m pip --python $(PEERS_IN_DECODING)/bin/python install --quiet --disable-pip-version-check -r $< --editable '.[export,fast]'
	touch $@

$(PEER)/.installed: benchmarks/requirements-joeynmt.txt
	$(PYTHON) -m venv --without-pip $(PEER)
	$(PYTHON) -m pip --python $(PEER)/bin/python install --quiet --disable-pip-version-check -r $<
	touch $@

$(VENV)/bin/python:
	$(PYTHON) -m venv --without-pip $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) --editable .
	touch $@

# torchvision is a reference of the tests; its requirements would bring another build of torch, and nothing of it needs one
$(VENV)/.installed-test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) --editable '.[test,track]'
	$(INSTALL) --no-deps torchvision
	touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) $(PEER) $(PEERS_IN_DECODING) build
