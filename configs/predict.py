"""Predictions for new spectra with a model folder of configs/transfer.py.

    python -m spektron_jax.main --config=configs/predict.py --workdir=OUT2 \\
        --config.model=OUT/model --config.data.path=new_spectra.csv

CPU, one process, seconds. Writes predictions.csv: value, interval, and a flag for
spectra unlike those the calibration rests on.
"""

from ml_collections import ConfigDict

from spektron_jax.errors import SpektronError


def get_config(arg: str = "") -> ConfigDict:
    """Return the settings; there are no variants."""
    if arg:
        raise SpektronError(f"configs/predict.py:{arg}: there are no variants")
    data = {
        "path": "",
        "instrument": "",  # which one, if the file holds several
        "unit": "",  # of its axis, where the file does not say
        "modality": "",
        "strict": True,
    }
    settings = {
        "task": "predict",
        "seed": 0,
        "model": "",
        "adapter": "",  # of another target instrument, a file that transfer wrote
        "coverage": 0.9,
        "data": data,
    }
    return ConfigDict(settings)
