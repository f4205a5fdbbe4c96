"""Pretraining on rendered IR and Raman spectra of real molecules.

    python -m spektron_jax.main --config=configs/pretrain.py --workdir=runs/base
    python -m spektron_jax.main --config=configs/pretrain.py:nano --workdir=runs/nano
    python -m spektron_jax.main --config=configs/pretrain.py:tiny --workdir=runs/tiny

Any setting of `spektron_jax/config.py` can be given on the command line, such as
`--config.train.steps=1000`. To train on QM9S instead of the shipped line lists
(one HDF5 file, layout in `spektron_jax/corpus/qm9s.py`):

    --config.data.kind=qm9s --config.data.path=qm9s.h5

| variant | model | hardware | run | what to expect |
|---|---|---|---|---|
| base (default) | the design documents' sizes | 2 GPUs, or more | 50,000 steps of 64 | the full-size run; hours to days |
| nano | same parts, 1M parameters at most | CPU, 2 cores | 5,000 steps of 8 | gaps of 60-100 cm-1 filled better than by interpolation |
| tiny | the smallest that holds every part | CPU, 2 cores | 300 steps of 16 | minutes; the total loss falls by 10 % or more |

A run that finds checkpoints in its workdir goes on from the newest one. The
workdir receives metrics.jsonl, checkpoints, evaluation.json and report.html.
"""  # noqa: E501 (a table cannot be wrapped)

from ml_collections import ConfigDict

from spektron_jax import config as defaults
from spektron_jax.errors import SpektronError

NANO = {
    "data": {"modalities": ("IR", "Raman", "NIR")},
    "lab": {
        "pool": 256,
        "preset": "wide",
        "mixtures": 0.25,
        "powders": 0.25,
        "fluorescence": 0.25,
    },
    "mask": {"long_fraction": 0.9},
    "model": {
        "width": 96,
        "stride": 8,
        "oscillators": 48,
        "layers": 2,
        "expert_width": 192,
        "heads": 4,
        "ff_width": 384,
        "dropout": 0.0,
        "remat": False,
    },
    # Weights chosen by short runs on validation molecules: `configs/ablate.py`.
    "losses": {"contrastive": 2.0, "transport": 20.0},
    "optim": {"learning_rate": 2e-3},
    "train": {"steps": 5000, "batch_size": 8, "accumulate": 1},
    "eval": {"curve_every_steps": 250},
}

TINY = {
    "mask": {"long_fraction": 0.5},
    "model": {
        "width": 32,
        "stride": 8,
        "oscillators": 16,
        "layers": 2,
        "expert_width": 64,
        "blocks": 1,
        "heads": 2,
        "ff_width": 64,
        "z_chem": 32,
        "z_inst": 16,
        "dropout": 0.0,
        "remat": False,
    },
    "train": {"steps": 300, "batch_size": 16, "accumulate": 1},
    "checkpoint": {"every_steps": 100},
    "log": {"every_steps": 10},
    "eval": {"molecules": 60, "curve_every_steps": 50},
}

VARIANTS = {"": {}, "base": {}, "nano": NANO, "tiny": TINY}


def get_config(arg: str = "") -> ConfigDict:
    """Return the settings of variant `arg`: "" or "base", "nano", "tiny"."""
    if arg not in VARIANTS:
        raise SpektronError(
            f"configs/pretrain.py:{arg}: no such variant; choose base, nano or tiny"
        )
    config = defaults.get_default()
    config.update(VARIANTS[arg])
    return config
