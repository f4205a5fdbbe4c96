"""Published files to HDF5: QM9S for pretraining, measured spectra for the rest.

    python -m spektron_jax.main --config=configs/convert.py --workdir=data \\
        --config.convert.source=boraden --config.convert.ir=ir_boraden.csv \\
        --config.convert.raman=raman_boraden.csv --config.convert.smiles=smiles.txt
    python -m spektron_jax.main --config=configs/convert.py --workdir=data \\
        --config.convert.source=corn_mat --config.convert.path=corn.mat

CPU, one process. A conversion that was broken off goes on with the same command.
"""

from ml_collections import ConfigDict

from spektron_jax.errors import SpektronError


def get_config(arg: str = "") -> ConfigDict:
    """Return the settings; there are no variants."""
    if arg:
        raise SpektronError(f"configs/convert.py:{arg}: there are no variants")
    convert = {
        "source": "boraden",  # boraden, corn_mat or folder
        "ir": "",  # tables of QM9S
        "raman": "",
        "smiles": "",  # one a line, in the order of the rows; "" = not known
        "points": 2048,  # of each spectrum; 0 = as in the table
        "path": "",  # file or folder, for the other sources
        "unit": "",  # of its axis, where the file does not say
        "modality": "",
        "strict": True,
        "progress": True,
    }
    return ConfigDict({"task": "convert", "convert": convert})
