#!/usr/bin/env bash
# Pretraining in slices, hours in all: bash launch/campaign.sh VARIANT SLICES STEPS [flags]
#   nohup bash launch/campaign.sh nano 8 2000 > campaign.log &
# Each slice takes STEPS steps from the weights of the one before, with an optimiser of
# its own and a short warm-up; a last one puts the bottleneck into closed form and trains
# the heads alone (spektron_jax/training/separate.py). Each leaves
# runs/campaign/VARIANT-K/weights: the only thing the next one needs, flat files of 2 to
# 25 MB, so that slices may run on different machines. Stopped anywhere, the same command
# goes on. START=nano begins from weights.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

variant="$1" slices="$2" steps="$3"
shift 3
start="${START:-}"
begun=(--config.losses.beta_start=1e-3) # what the first slice anneals to
for ((k = 1; k <= slices + 1; k++)); do
    separate=false
    if ((k > slices)); then separate=true; fi
    workdir="$PWD/runs/campaign/$variant-$k"
    if [ ! -f "$workdir/weights/manifest.json" ]; then
        "$PYTHON" -m spektron_jax.main --config="configs/pretrain.py:$variant" \
            --workdir="$workdir" --config.train.steps="$steps" \
            --config.train.start="$start" --config.seed="$k" \
            --config.train.separate="$separate" --config.train.head_steps=0 \
            ${start:+"${begun[@]}"} "$@"
        "$PYTHON" -m spektron_jax.training.export "$workdir" "$workdir/weights"
    fi
    start="$workdir/weights"
done
"$PYTHON" -m spektron_jax.main --config=configs/latent.py \
    --workdir="$PWD/runs/campaign/$variant-audit" --config.weights="$start"
"$PYTHON" -m benchmarks.retrieval --weights="$start"
echo "$start"
