#!/usr/bin/env bash
# A calibration transfer on example files, then a short pretraining of the smallest
# model on the shipped molecules, each with a page:
#   bash launch/quickstart.sh [--workdir=DIR] [--config.train.steps=100 ...]
# Under 10 minutes on 2 CPU cores. The last two lines are the pages' paths.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

workdir="$PWD/runs/quickstart"
for argument in "$@"; do
    case "$argument" in --workdir=*) workdir="${argument#*=}" ;; esac
done
echo "1 of 2: a calibration transfer on example files"
"$PYTHON" -m spektron_jax demo --out "$workdir-demo"
echo "2 of 2: 300 steps of pretraining, a smoke test: they show that training runs here," \
    "not what it reaches. The shipped weights took hours (spektron_jax/weights/nano)."
"$PYTHON" -m spektron_jax.main --config=configs/pretrain.py:tiny \
    --workdir="$workdir" "$@"
echo "$workdir-demo/report.html"
echo "$workdir/report.html"
