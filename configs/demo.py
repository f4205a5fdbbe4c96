"""A calibration transfer on example files, seen from beginning to end.

    python -m spektron_jax.main --config=configs/demo.py --workdir=runs/demo

Copies three CSV files of two simulated instruments, transfers the calibration with ten
samples, predicts thirty others before and after, and writes report.html. 5 seconds of
CPU; no network, no JAX.
"""

from ml_collections import ConfigDict

from spektron_jax.errors import SpektronError


def get_config(arg: str = "") -> ConfigDict:
    """Return the settings; there are no variants."""
    if arg:
        raise SpektronError(f"configs/demo.py:{arg}: there are no variants")
    settings = {
        "task": "demo",
        "property": "Moisture",  # Moisture or Protein
    }
    return ConfigDict(settings)
