# The course in two commands: `make book`, `make test`. `make help` lists the rest.
#
# LESSON=<number>        of `make page` and `make check`, such as LESSON=20.
# TORCH_INDEX=<address>  installs torch from that package index first (CPU-only wheels; see README).
# JOBS=<number>          lessons that `make book` executes at once (default: one a core, at most four).
# STUDY=<arguments>      of `make study`, such as STUDY="grid --workers 4".
# NOTEBOOKS=<folder>     what `make lab` opens instead of lessons.
# LAB=<arguments>        of `make lab`, such as LAB="--no-browser --port=8890".
# PYTHON=<command>       the Python (3.11 or newer) that makes .venv; default: the newest one found.

PY := .venv/bin/python
READY := .venv/.course-ready
TORCH_INDEX ?=
JOBS ?=
STUDY ?=
NOTEBOOKS ?= lessons
LAB ?=
PORT ?= 8000

.PHONY: book test lab page check study serve bench bundle clean help

book: $(READY)  ## execute the lessons and build the book into _build/html
	@$(PY) scripts/build_book.py $(if $(JOBS),--jobs $(JOBS))

test: $(READY)  ## everything that must hold: lint, types, book, library, lessons, site in a browser
	@scripts/run_tests.sh

lab: $(READY)  ## open JupyterLab on the lessons
	@exec .venv/bin/jupyter lab --notebook-dir="$(NOTEBOOKS)" $(LAB)

page: $(READY)  ## build one lesson's page into _build/page, in half a minute: LESSON=20
	@$(PY) scripts/preview_page.py $(LESSON)

check: $(READY)  ## what must hold for one lesson, without building the book: LESSON=20
	@scripts/check_lesson.sh $(LESSON)

study: $(READY)  ## make the runs of the scaling study that its table lacks (hours; stop and go on at will)
	@$(PY) -m course_lib.study run $(STUDY)

serve: book  ## serve the built book on http://localhost:8000 (PORT=… to change)
	@$(PY) -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

bench: $(READY)  ## measure everything that has a target, and print it as one table
	@$(PY) -m course_lib.bench

bundle:  ## rebuild the front end of the widgets (the only target that needs Node)
	@cd course_lib/widgets/front && npm ci --silent && node build.mjs

clean:  ## remove everything that was built, but not .venv
	@rm -rf _build .pytest_cache .mypy_cache .ruff_cache .hypothesis

help:  ## list the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

$(READY): requirements.txt pyproject.toml scripts/setup.sh
	@TORCH_INDEX="$(TORCH_INDEX)" PYTHON="$(PYTHON)" scripts/setup.sh && touch $@
