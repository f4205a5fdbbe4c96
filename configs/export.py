"""A model folder of configs/transfer.py as one file that predicts without Python.

    python -m spektron_jax.main --config=configs/export.py --workdir=OUT2 \\
        --config.model=OUT/model --config.out=calculator.html

CPU, one process, seconds. docs/export.md describes the forms.
"""

from ml_collections import ConfigDict

from spektron_jax.errors import SpektronError


def get_config(arg: str = "") -> ConfigDict:
    """Return the settings; there are no variants."""
    if arg:
        raise SpektronError(f"configs/export.py:{arg}: there are no variants")
    settings = {
        "task": "export",
        "model": "",  # folder that transfer wrote
        "adapter": "",  # of another target instrument, a file that transfer wrote
        "property": "",  # which one, of a model of several; "" = all
        "out": "",  # the file; "" = calibration.* in the workdir
        "format": "",  # csv, excel, json, onnx, c, javascript, page; "" = by the ending
        "coverage": 0.9,  # of the intervals
    }
    return ConfigDict(settings)
