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
        "path": "",  # new spectra
        "instrument": "",  # which one, if the file holds several
        "unit": "",  # of its axis, where the file does not say: nm, um or cm-1
        "modality": "",  # NIR, IR or Raman, where the file does not say
        "strict": True,  # stop at the first fault of a file
    }
    settings = {
        "task": "predict",
        "model": "",  # folder that transfer wrote
        "adapter": "",  # of another target instrument, a file that transfer wrote
        "coverage": 0.9,  # of the intervals
        "data": data,
    }
    return ConfigDict(settings)
