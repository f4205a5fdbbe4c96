"""Properties from embeddings, against PLS on the same spectra.

Molecular properties of the corpus' test split, IR, Raman and NIR:

    python -m spektron_jax.main --config=configs/property.py --workdir=OUT

Your own spectra of one instrument and labels (CSV or Excel: sample id, value), by
cross-validation:

    python -m spektron_jax.main --config=configs/property.py --workdir=OUT \\
        --config.data.path=spectra.csv --config.data.labels_path=labels.csv

CPU, one process, a few minutes. Prints who is better and writes report.html and
results.json.
"""

from ml_collections import ConfigDict

from spektron_jax.errors import SpektronError


def get_config(arg: str = "") -> ConfigDict:
    """Return the settings; there are no variants."""
    if arg:
        raise SpektronError(f"configs/property.py:{arg}: there are no variants")
    data = {
        "path": "",  # spectra of one's own; "" = the corpus
        "instrument": "",  # which one, if the file holds several
        "labels_path": "",  # CSV or Excel: sample id, value, ...; "": in the file
        "unit": "",  # of the axis, where the file does not say
        "modality": "",
        "strict": True,  # stop at the first fault of a file
    }
    settings = {
        "weights": "nano",  # name or folder
        "modalities": ("IR", "Raman", "NIR"),  # of the corpus
        "train": 800,  # training molecules of the corpus; 0 = all
        "test": 0,
        "folds": 10,  # of the cross-validation of one's own labels
        "progress": True,
    }
    return ConfigDict(
        {"task": "property", "seed": 0, "data": data, "property": settings}
    )
