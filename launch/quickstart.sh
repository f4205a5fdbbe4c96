#!/usr/bin/env bash
# Pretrains the smallest model on the shipped molecules, evaluates it and writes a
# report: bash launch/quickstart.sh [--workdir=DIR] [--config.train.steps=100 ...]
# Under 10 minutes on 2 CPU cores. The last line is the report's path.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

workdir="$PWD/runs/quickstart"
for argument in "$@"; do
    case "$argument" in --workdir=*) workdir="${argument#*=}" ;; esac
done
"$PYTHON" -m spektron_jax.main --config=configs/pretrain.py:tiny \
    --workdir="$workdir" "$@"
echo "$workdir/report.html"
