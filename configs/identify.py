"""Library search and few-shot classification across instruments.

    python -m spektron_jax.main --config=configs/identify.py --workdir=OUT \\
        --config.data.path=library.csv --config.data.query_path=unknown.csv

With one file of several instruments, every ordered pair of them is searched and judged:

    python -m spektron_jax.main --config=configs/identify.py --workdir=OUT \\
        --config.data.path=raman_biomolecules.h5

With `--config.identify.keep=known.npz` the prepared library is kept, and given as
`--config.data.path=known.npz` it is not prepared again.

`--config.data.label=species` takes names from a label column instead of sample ids, and
`--config.identify.mode=classify` learns classes from a few labelled spectra of one
instrument and predicts those of the other. CPU, one process, a minute or two; seconds
with `--config.identify.weights=` (without the network). Writes report.html,
results.json and hits.csv.
"""

from ml_collections import ConfigDict

from spektron_jax.errors import SpektronError


def get_config(arg: str = "") -> ConfigDict:
    """Return the settings; there are no variants."""
    if arg:
        raise SpektronError(f"configs/identify.py:{arg}: there are no variants")
    data = {
        "path": "",  # the library, or one file with several instruments
        "query_path": "",  # unknown spectra; "" = each instrument against each other
        "label": "",  # label column that names the compounds; "" = sample ids
        "low_cm1": 0.0,  # leave out wavenumbers below
        "unit": "",  # of the axes, where the files do not say: nm, um or cm-1
        "modality": "",  # NIR, IR or Raman, where the files do not say
        "strict": True,  # stop at the first fault of a file
    }
    identify = {
        "mode": "search",  # search, or classify: learn classes from few spectra
        "weights": "nano",  # name or folder; "" = without the network
        "k": 5,  # hits listed for each query
        "precision": 0.95,  # of accepted hits, in virtual searches of the library
        "shots": (2, 3, 5, 10),  # labelled spectra of each class, to classify
        "repeats": 20,  # draws of these
        "keep": "",  # .npz file for the prepared library; a library for the next time
        "progress": True,  # show a bar
    }
    settings = {
        "task": "identify",
        "seed": 0,  # of virtual instruments and draws
        "data": data,
        "identify": identify,
    }
    return ConfigDict(settings)
