#!/usr/bin/env bash
# Everything that must hold, cheapest first. The last line printed is pytest's own.
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1   # two workers on two cores; timings do not count here
bin=.venv/bin

echo "== ruff";  $bin/ruff check .
echo "== mypy";  $bin/mypy
echo "== book";  $bin/python scripts/build_book.py
echo "== lessons run again with two threads, everything printed compared (nbval)"
$bin/pytest --nbval-lax --nbval-current-env --nbval-cell-timeout 120 -p no:cacheprovider \
  -n 2 --dist loadscope -q lessons/[0-9]*.ipynb
echo "== library, notebooks, site"
$bin/pytest -n 2 --dist loadscope -q tests
