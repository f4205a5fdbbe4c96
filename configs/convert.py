"""Published files to HDF5: QM9S for pretraining, measured spectra for the rest.

    python -m spektron_jax.main --config=configs/convert.py --workdir=data \\
        --config.convert.source=boraden --config.convert.ir=ir_boraden.csv \\
        --config.convert.raman=raman_boraden.csv --config.convert.smiles=smiles.txt
    python -m spektron_jax.main --config=configs/convert.py --workdir=data \\
        --config.convert.source=qme14s --config.convert.ir=IR_broaden.zip \\
        --config.convert.raman=Raman_broaden.zip
    python -m spektron_jax.main --config=configs/convert.py --workdir=data \\
        --config.convert.source=lines --config.convert.path=qm9s_csv.zip
    python -m spektron_jax.main --config=configs/convert.py --workdir=data \\
        --config.convert.source=corn_mat --config.convert.path=corn.mat

The first two make spectra (--config.data.kind=qm9s --config.data.path=data/qm9s.h5),
the third exact lines (--config.data.path=data/lines.h5), which are rendered anew on any
axis and line width; archives need not be unpacked. CPU, one process. A conversion that
was broken off is resumed by the same command.
"""

from ml_collections import ConfigDict

from spektron_jax.errors import SpektronError


def get_config(arg: str = "") -> ConfigDict:
    """Return the settings; there are no variants."""
    if arg:
        raise SpektronError(f"configs/convert.py:{arg}: there are no variants")
    convert = {
        "source": "boraden",  # boraden, qme14s, lines, corn_mat or folder
        "ir": "",  # table of QM9S, or archive of QMe14S
        "raman": "",
        "smiles": "",  # one a line, in the order of the rows; "" = not known
        "points": 2048,  # of each spectrum; 0 = as in the table
        "ends": (500.0, 4000.0),  # first and last wavenumber of QMe14S
        "path": "",  # file or folder, for the other sources
        "unit": "",  # of its axis, where the file does not say
        "modality": "",
        "quantity": "",
        "strict": True,
        "progress": True,
    }
    return ConfigDict({"task": "convert", "convert": convert})
