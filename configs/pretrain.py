"""Pretraining on rendered IR, Raman and NIR spectra of real molecules.

    python -m spektron_jax.main --config=configs/pretrain.py --workdir=runs/base
    python -m spektron_jax.main --config=configs/pretrain.py:nano --workdir=runs/nano
    python -m spektron_jax.main --config=configs/pretrain.py:tiny --workdir=runs/tiny

Any setting of `spektron_jax/config.py` can be given on the command line, such as
`--config.train.steps=1000`. To train on QM9S instead of the shipped line lists
(one HDF5 file, layout in `spektron_jax/corpus/qm9s.py`):

    --config=configs/pretrain.py:documents --config.data.kind=qm9s --config.data.path=qm9s.h5

| variant | model | hardware | run | what to expect |
|---|---|---|---|---|
| base (default) | the design documents' sizes | GPUs, 8 spectra at once on each | 50,000 steps of 64, 98 epochs, then 5,000 of the heads | never trained so far; hours to days |
| nano | same parts, 1M parameters at most | CPU, 2 cores | 5,000 steps of 8, then 2,500 of the heads | gaps of 60-100 cm-1 filled better than by interpolation |
| tiny | the smallest that holds every part | CPU, 2 cores | 300 steps of 16, then 100 of the heads | minutes; the total loss falls by 10 % or more |
| transfer | a set network that weighs the members of a transfer, 10,000 parameters | CPU | 1,500 transfers, then 1,000 steps | a quarter of an hour to an hour; config.transfer_network.data names the folder of measured sets |
| documents, nano-documents | as base and nano | as these | as these, 147 epochs | the documents' weights, 4 instruments, IR and Raman, 3-point masks |

A run that finds checkpoints in its workdir goes on from the newest one. The
workdir receives metrics.jsonl, checkpoints, evaluation.json and report.html.
"""  # noqa: E501 (a table cannot be wrapped)

from ml_collections import ConfigDict

from spektron_jax import config as defaults
from spektron_jax.errors import SpektronError

# So that no term drowns the others in the gradient of the encoder.
BALANCED = {
    "contrastive": 0.5,
    "denoising": 0.5,
    "physics": 0.4,
    "transport": 5.0,
    "swap": 0.7,
    "beta_start": 0.01,
}
# What short runs found best (docs/pretraining.md): long gaps beside 3-point ones, NIR,
# instruments by the hundred.
RECIPE = {
    "data": {"modalities": ("IR", "Raman", "NIR")},
    "lab": {
        "pool": 256,
        "preset": "wide",
        "mixtures": 0.25,
        "powders": 0.25,
        "fluorescence": 0.25,
    },
    "mask": {"long_fraction": 0.9},
    "losses": BALANCED,
}
SMALL = {
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
    "optim": {"learning_rate": 2e-3},
    "train": {"steps": 5000, "head_steps": 2500, "batch_size": 8, "accumulate": 1},
    "eval": {"curve_every_steps": 250},
}
TINY = {
    "mask": {"long_fraction": 0.5},
    "losses": BALANCED,
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
    "train": {
        "steps": 300,
        "head_steps": 100,
        "batch_size": 16,
        "accumulate": 1,
        "most_at_once": 16,
    },
    "checkpoint": {"every_steps": 100},
    "log": {"every_steps": 10, "shares_every_steps": 50},
    "eval": {"molecules": 60, "curve_every_steps": 50},
}

# Later dicts go over earlier ones; without any it is the design of the documents.
VARIANTS = {
    "": (RECIPE,),
    "base": (RECIPE,),
    "nano": (RECIPE, SMALL),
    "tiny": (TINY,),
    "documents": (),
    "nano-documents": (SMALL,),
}

# Another task: `training/transfer_network`.
TRANSFER = {
    "task": "pretrain_transfer",
    "seed": 0,
    "transfer_network": {
        "data": "",  # folder of measured sets; "" = virtual powders alone
        "tasks": 1500,
        "workers": 1,  # processes that make lessons
        "width": 32,
        "dropped": 0.3,  # share of the members that a lesson goes without
        "noise": 0.5,  # SD of what is added to the standardised inputs
        "penalty": 0.1,  # times the variance of what is added to log weights
        "held_out": 0.15,  # share of the sets
    },
    "train": {"steps": 1000, "batch_size": 64, "devices": 1},
    "optim": {"learning_rate": 2e-3, "weight_decay": 1e-2, "clip": 1.0},
    "checkpoint": {"every_steps": 250, "keep": 1, "resume": True},
    "log": {"every_steps": 50, "progress": True},
}


def get_config(arg: str = "") -> ConfigDict:
    """Return the settings of a variant, see above; "" is base."""
    if arg == "transfer":
        return ConfigDict(TRANSFER)
    if arg not in VARIANTS:
        names = ", ".join(filter(None, (*VARIANTS, "transfer")))
        raise SpektronError(
            f"configs/pretrain.py:{arg}: no such variant; choose from {names}"
        )
    config = defaults.get_default()
    for changes in VARIANTS[arg]:
        config.update(changes)
    return config
