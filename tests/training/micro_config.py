"""A config file for tests of the training: every part, as small as it gets.

20 steps of 8 examples on 256 points. Tests that keep these settings share one compiled
program per number of devices, by way of the compilation cache.
"""

from spektron_jax.commands import config_file

MICRO = {
    "data": {"points": 256},
    "model": {
        "width": 16,
        "stride": 8,
        "oscillators": 4,
        "layers": 1,
        "expert_width": 16,
        "blocks": 1,
        "heads": 1,
        "ff_width": 16,
        "z_chem": 8,
        "z_inst": 6,
    },
    # The weights of the design: numbers that tests expect do not move with a default.
    "losses": {
        "reconstruction": 1.0,
        "contrastive": 0.3,
        "denoising": 0.2,
        "physics": 0.1,
        "transport": 0.1,
        "bottleneck": 0.15,
        "balance": 0.01,
        "swap": 5.0,
        "reversal": 1.0,
        "beta_start": 0.1,
    },
    "optim": {"learning_rate": 3e-3},
    "train": {"steps": 20, "head_steps": 0, "batch_size": 8},
    # Rows at 4, 8, 10, 12, 16, 20: the checkpoint at 10 lies between two of the others.
    "log": {
        "every_steps": 4,
        "shares_every_steps": 0,
        "tensorboard": False,
        "progress": False,
    },
    "checkpoint": {"every_steps": 10},
    "eval": {"molecules": 8, "instruments": 2, "batch_size": 8, "curve_every_steps": 0},
}


def get_config(arg=""):
    """The settings; there are no variants."""
    config = config_file.load("configs/pretrain.py:tiny")
    config.update(MICRO)
    return config
