"""Calibration transfer: from two instruments' files to a decision and a model.

    python -m spektron_jax.main --config=configs/transfer.py --workdir=OUT \\
        --config.data.path=corn.h5 --config.data.source=m5 --config.data.target=mp6 \\
        --config.data.property=moisture --config.transfer.n=10

With a file for each instrument, samples matched by their ids:

    python -m spektron_jax.main --config=configs/transfer.py --workdir=OUT \\
        --config.data.source_path=old.csv --config.data.target_path=new.csv \\
        --config.data.labels_path=labels.csv --config.data.property=moisture

CPU, one process. In seconds it prints a verdict by cross-validated errors and writes
report.html, results.json, predictions.csv and model/, which configs/predict.py uses;
the comparison on held-out samples takes a minute or two more and is added to the page
(not with `--noconfig.transfer.compare`). Interrupted, the same command resumes it.

What is known of the target is `transfer.regime`: "paired" (n samples measured on both
instruments), "unpaired" (n labelled target samples that the source has not measured),
"unlabelled" (n target spectra, no labels) or "none"; n = 0 takes all there are.

`--config.transfer.date=2026-11-22` also writes adapter.npz: what belongs to this target
instrument, with its origin. `configs/predict.py` puts it on any model of the same
calibration (`--config.adapter`).
"""

from ml_collections import ConfigDict

from spektron_jax.errors import SpektronError


def get_config(arg: str = "") -> ConfigDict:
    """Return the settings; there are no variants."""
    if arg:
        raise SpektronError(f"configs/transfer.py:{arg}: there are no variants")
    data = {
        "path": "",  # one file with both instruments
        "source": "",  # the old instrument's name, if its file holds several
        "target": "",  # the new instrument's name, if its file holds several
        # which one, several ("Moisture,Oil") or all; left out: the only one
        "property": "",
        "source_path": "",  # or a file for each
        "target_path": "",  # of the new instrument
        "labels_path": "",  # CSV or Excel: sample id, a column for each property
        "unit": "",  # of the axes, where the files do not say: nm, um or cm-1
        "modality": "",  # NIR, IR or Raman, where the files do not say
        # scans of a sample are averaged: "auto" (a replicate column, or suffixes that
        # labels do not know), "none", or the text before the suffix, such as "_"
        "replicates": "auto",
        "strict": True,  # stop at the first fault of a file
    }
    transfer = {
        "weights": "nano",  # name or folder; "" = without the network
        # what is known of the new instrument: paired (samples measured on both),
        # unpaired (labelled samples of its own), unlabelled (spectra alone) or none
        "regime": "paired",
        "n": 10,  # target samples, chosen by Kennard-Stone; 0 = all
        "coverage": 0.9,  # of the intervals
        "compare": True,  # with the baselines, on samples held out
        "repeats": 15,  # splits of the comparison
        "curve": (3, 5, 10, 25),  # numbers of samples in the figure
        "progress": True,  # show a bar
        "date": "",  # of the transfer; where given, adapter.npz is written too
        # Test-time training of the encoder; the design takes 3 steps. With labels of
        # the target the encoder has no part in predictions.
        "adaptation": {
            "steps": 0,  # of test-time training of the encoder; 0 = none
            "spectra": 10,  # of the new instrument that it takes
            "rate": 1e-5,  # learning rate of it
            "share": 0.35,  # of the points that is hidden
            "lora": 0,  # rank of adapters that are trained too; 0 = none
        },
    }
    settings = {
        "task": "transfer",
        "seed": 0,  # of the splits
        "data": data,
        "transfer": transfer,
    }
    return ConfigDict(settings)
