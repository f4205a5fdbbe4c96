"""Is a transfer still right? Control samples over time.

    python -m spektron_jax.main --config=configs/monitor.py --workdir=OUT \\
        --config.model=runs/transfer --config.data.path=today.csv \\
        --config.monitor.log=control.csv

All samples of the file are entered as one control, each as the mean of its scans.
Writes report.html with the charts of bias, T2 and Q, and a row of the log. Seconds.
"""

from ml_collections import ConfigDict

from spektron_jax.errors import SpektronError


def get_config(arg: str = "") -> ConfigDict:
    """Return the settings; there are no variants."""
    if arg:
        raise SpektronError(f"configs/monitor.py:{arg}: there are no variants")
    data = {
        "path": "",  # spectra
        "instrument": "",  # which one, if the file holds several
        "labels_path": "",  # reference values: CSV or Excel; none: in the file
        "property": "",  # which one, of a model of several
        "unit": "",  # of the axis, where the file does not say: nm, um or cm-1
        "modality": "",  # NIR, IR or Raman, where the file does not say
        # scans of a sample are averaged: "auto" (a replicate column, or suffixes that
        # labels do not know), "none", or the text before the suffix, such as "_"
        "replicates": "auto",
        "strict": True,  # stop at the first fault of a file
    }
    monitor = {
        "log": "control.csv",  # CSV of all controls; one that is there is resumed
        "when": "",  # date of the control; none: now
    }
    settings = {
        "task": "monitor",
        "model": "",  # folder that transfer wrote
        "data": data,
        "monitor": monitor,
    }
    return ConfigDict(settings)
