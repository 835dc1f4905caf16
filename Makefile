# Two commands for a fresh machine: `make exam` and `make test`. Each sets up .venv and is quick when it is there.
PYTHON ?= python3
VENV := .venv
INSTALL := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: exam report test check site chromium bench ratios audit package clean

exam: $(VENV)/.installed
	$(VENV)/bin/snellen exam --out exam

# The exam on the development data; results/exam keeps what is small enough for git: not the page, nor the pictures.
report: $(VENV)/.installed
	$(VENV)/bin/python examples/development.py ../shared/data/pets7 runs/photographs
	$(VENV)/bin/snellen exam examples/development.toml --out exam-development
	mkdir -p results/exam
	cp exam-development/report.pdf exam-development/summary.pdf exam-development/manifest.json results/exam

# A file's tests stay with one worker, which makes what they share once; tests/conftest.py says which files come first.
test: $(VENV)/.installed-dev chromium
	$(VENV)/bin/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

check: $(VENV)/.installed-dev site
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

# The theme's makers announce its end of support at every build; docs/architecture.md says why it is used.
site: $(VENV)/.installed-dev
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --strict

# What is missing in benchmarks/results, hours on two cores; `make bench NAMES="start embed"` for some.
bench: $(VENV)/.installed-dev
	$(VENV)/bin/python benchmarks $(NAMES)

# Whether anything became slow: ratios, never seconds, each against a floor; under a minute.
ratios: $(VENV)/.installed-dev
	$(VENV)/bin/python benchmarks/regress.py

audit: $(VENV)/.installed-dev
	$(VENV)/bin/python tests/audit.py

# The wheel: built, checked, every extra resolved, installed alone into a fresh environment; minutes.
package: $(VENV)/.installed-dev
	$(INSTALL) ".[package]"
	$(VENV)/bin/python tests/package.py

# Older versions of pip, which come with Python, take three times as long to choose what to install.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$@ -m pip install --quiet --disable-pip-version-check --upgrade pip

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing Snellen into $(VENV) (a few minutes the first time) ..."
	$(INSTALL) ".[cpu]"
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing Snellen and its tests into $(VENV) (a few minutes the first time) ..."
	$(INSTALL) ".[dev,docs,cpu,scale,tensorboard,transformers,web]"
	@touch $@ $(VENV)/.installed

# The tests of the page drive a real browser; where none is found, Debian's is installed.
chromium:
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	root=; [ "$$(id -u)" = 0 ] || root="sudo -n"; \
	echo "Installing Chromium for the tests of the page ..."; \
	{ $$root apt-get update -qq && $$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
	  --no-install-recommends chromium >/dev/null; } \
	|| { echo "make test: the tests of the page need Chromium; install it and run again" >&2; exit 1; }

clean:
	rm -rf $(VENV) exam exam-development site
