#!/usr/bin/env bash
# Set-up, lint and tests: bash launch/test.sh [--all] [pytest arguments]
# --all also runs the tests that are marked slow.
set -euo pipefail
EXTRA=test source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check .
"$PYTHON" -m mypy
# loadfile keeps the tests that share a fixture on one worker; tests/conftest.py says
# which files come first.
"$PYTHON" -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 10 "$@"
echo "lint and tests passed in ${SECONDS} s, set-up included"
