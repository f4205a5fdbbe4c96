#!/usr/bin/env bash
# Set-up, lint and tests: bash launch/test.sh [--all] [pytest arguments]
# --all also runs the tests that are marked slow. --browser, first, sets up a browser and
# runs the journeys through reports, calculator and app in it, and nothing else.
set -euo pipefail
extra=test
if [ "${1:-}" = --browser ]; then extra=test,browser; fi
EXTRA=$extra source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

if [ "$extra" != test ]; then
    shift
    if ! command -v chromium chromium-browser >/dev/null; then
        echo "set-up: no chromium on the PATH; playwright downloads its own"
        "$PYTHON" -m playwright install chromium
    fi
    exec "$PYTHON" -m pytest --all --durations 10 tests/browser "$@"
fi

"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check .
"$PYTHON" -m mypy
# loadfile keeps the tests that share a fixture on one worker; tests/conftest.py says
# which files come first.
"$PYTHON" -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 10 "$@"
echo "lint and tests passed in ${SECONDS} s, set-up included"
