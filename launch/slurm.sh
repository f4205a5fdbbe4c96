#!/usr/bin/env bash
# One run on many nodes of a SLURM cluster, one process a GPU:
#   sbatch --nodes=4 --gpus-per-node=4 --ntasks-per-node=4 launch/slurm.sh [flags]
# and the flags of spektron_jax.main, such as --config=configs/pretrain.py:base
# --workdir=/shared/runs/base. Preempted, out of time, or a process lost: a checkpoint is
# written where that is still possible, and the job goes back into the queue, where the
# same command resumes. A fault of the settings (exit code 2) is not tried again.
#SBATCH --job-name=spektron
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120
#SBATCH --time=24:00:00
set -uo pipefail
LOST=75 # of spektron_jax/partners.py: the same command again may work
MOST_RESTARTS=20 # after faults; a job that is preempted always comes back
restarts="${SLURM_RESTART_COUNT:-0}"

if [ -z "${SPEKTRON_STEP:-}" ]; then # the batch script
    here="${SLURM_SUBMIT_DIR:-$PWD}"
    cd "$here" || exit 2
    export SPEKTRON_STEP=1
    first="$(scontrol show hostnames "${SLURM_JOB_NODELIST:?run this with sbatch}" | head -n 1)"
    # A port of its own for each job: two may share a node.
    export SPEKTRON_COORDINATOR="$first:$((20000 + SLURM_JOB_ID % 20000))"
    # --kill-on-bad-exit=0: the others end by themselves, with a line that says why.
    srun --kill-on-bad-exit=0 bash launch/slurm.sh "$@" &
    step=$!
    stopped=0
    # TERM: preempted; USR1: two minutes before the end of the time.
    trap 'stopped=1; kill -TERM "$step" 2>/dev/null' TERM USR1
    while :; do
        wait "$step"
        code=$?
        kill -0 "$step" 2>/dev/null || break # a signal ends `wait` before the step ends
    done
    # srun gives the highest code of its tasks, above 128 for one that a signal ended.
    again=$((code == LOST || code > 128))
    if ((restarts >= MOST_RESTARTS)); then again=0; fi
    if ((code != 0 && code != 2 && (stopped || again))); then
        scontrol requeue "$SLURM_JOB_ID"
    fi
    exit "$code"
fi
exec "${PYTHON:-.venv/bin/python}" -m spektron_jax.main "$@" \
    --coordinator="$SPEKTRON_COORDINATOR" \
    --num_processes="$SLURM_NTASKS" --process_id="$SLURM_PROCID"
