"""A page of what the virtual laboratory makes: molecules, instruments, their ranges.

    python -m spektron_jax.main --config=configs/lab.py --workdir=runs/lab

Writes lab.html, one file that opens without a network, in about a minute on 2 CPU
cores. `--config.seed=1` draws other instruments.
"""

from ml_collections import ConfigDict

from spektron_jax import config as defaults
from spektron_jax.errors import SpektronError


def get_config(arg: str = "") -> ConfigDict:
    """Return the settings; there are no variants."""
    if arg:
        raise SpektronError(
            f"configs/lab.py:{arg}: there are no variants; leave it out"
        )
    config = defaults.get_default()
    config.task = "lab"
    return config
