"""Which files of spectra can be read.

python -m spektron_jax.main --config=configs/formats.py
"""

from ml_collections import ConfigDict

from spektron_jax.errors import SpektronError


def get_config(arg: str = "") -> ConfigDict:
    """Return the settings; there are no variants."""
    if arg:
        raise SpektronError(f"configs/formats.py:{arg}: there are no variants")
    return ConfigDict({"task": "formats"})
