# Two commands for a fresh machine: `make exam` and `make test`. Each sets up .venv and is quick when it is there.
PYTHON ?= python3
VENV := .venv
INSTALL := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: exam report test check clean

exam: $(VENV)/.installed
	$(VENV)/bin/snellen exam --out exam

# The exam on the development data; only what results/exam keeps of it is small enough for git.
report: $(VENV)/.installed
	$(VENV)/bin/snellen exam examples/development.toml --out exam-development
	mkdir -p results/exam
	cp exam-development/report.pdf exam-development/report.html exam-development/manifest.json results/exam

test: $(VENV)/.installed-dev
	$(VENV)/bin/python -m pytest --numprocesses 2

check: $(VENV)/.installed-dev
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing Snellen into $(VENV) (a few minutes the first time) ..."
	$(INSTALL) ".[cpu]"
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing Snellen and its tests into $(VENV) (a few minutes the first time) ..."
	$(INSTALL) ".[dev,cpu,scale,tensorboard]"
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) exam exam-development
