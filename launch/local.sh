#!/usr/bin/env bash
# The full-size run on all devices of this machine: bash launch/local.sh [flags]
# JAX uses a GPU if its plug-in is in .venv: .venv/bin/pip install "jax[cuda12]"
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
exec "$PYTHON" -m spektron_jax.main --config=configs/pretrain.py --workdir=runs/base "$@"
