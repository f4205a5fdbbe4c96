"""What trained weights have learned: oscillators, experts, saliency, completeness.

    python -m spektron_jax.main --config=configs/interpret.py --workdir=OUT
    python -m spektron_jax.main --config=configs/interpret.py --workdir=OUT \\
        --config.weights=runs/mine --config.data.path=corn.h5 \\
        --config.data.instrument=m5 --config.data.property=moisture

CPU, one process, two minutes. Writes report.html, results.json and results.npz.
Without a file of one's own the saliency is that of virtual NIR powders.
"""

from ml_collections import ConfigDict

from spektron_jax.errors import SpektronError


def get_config(arg: str = "") -> ConfigDict:
    """Return the settings; there are no variants."""
    if arg:
        raise SpektronError(f"configs/interpret.py:{arg}: there are no variants")
    data = {
        "path": "",  # spectra with labels; "" = virtual powders
        "instrument": "",  # which one, if the file holds several
        "property": "",  # may be left out if there is only one
        "labels_path": "",  # CSV or Excel: sample id, value, ...; "": in the file
        "unit": "",  # of the axis, where the file does not say
        "modality": "",
    }
    return ConfigDict(
        {
            "task": "interpret",
            "seed": 0,
            "weights": "nano",  # name of shipped weights, or folder of a run
            "molecules": 96,  # of each modality, for the use of experts
            "progress": True,
            "data": data,
        }
    )
