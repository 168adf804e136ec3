#!/usr/bin/env bash
# What must hold for one lesson, without building the book: scripts/check_lesson.sh 20. `make test` does more.
set -euo pipefail
shopt -s nullglob
cd "$(dirname "$0")/.."
number=$(printf '%02d' "$((10#${1:?which lesson? such as LESSON=20}))")
export OMP_NUM_THREADS=1
bin=.venv/bin

echo "== ruff, normal form"
$bin/ruff check --quiet .
$bin/python -m course_lib.notebooks normalize --check
echo "== lesson $number run twice, everything printed compared"
$bin/python scripts/preview_page.py "$number" --execute
$bin/pytest --nbval-lax --nbval-current-env --nbval-cell-timeout 120 -p no:cacheprovider -q "lessons/${number}"_*.ipynb
echo "== its parts, and the lists that name it"
# Tests of this lesson by its number, and those that read all lessons but need no built book.
$bin/pytest -q -p no:cacheprovider tests/test_{notebooks,explorables,quizzes,factcheck,numbers,voice,formulas,ways_in}.py \
  tests/test_lesson_"${number}"*.py \
  -k "$number or lesson_$number or test_formulas or test_ways_in or belongs_to_two or unique or written_twice or for_nothing or lead_to or cit"
