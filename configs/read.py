"""What is in a file of spectra?

    python -m spektron_jax.main --config=configs/read.py --config.data.path=samples.csv

Prints instruments, axes, units, samples, labels, notes and problems. Seconds.
"""

from ml_collections import ConfigDict

from spektron_jax.errors import SpektronError


def get_config(arg: str = "") -> ConfigDict:
    """Return the settings; there are no variants."""
    if arg:
        raise SpektronError(f"configs/read.py:{arg}: there are no variants")
    data = {
        "path": "",  # spectra
        "unit": "",  # of the axis, where the file does not say: nm, um or cm-1
        "modality": "",  # NIR, IR or Raman, where the file does not say
        "quantity": "",  # of the values, such as absorbance or reflectance
        "strict": True,  # stop at the first fault; else keep the good rows
        "rows": 0,  # read so many samples only, for a look; 0 = all
    }
    settings = {
        "task": "read",
        "data": data,
        "figure": "",  # picture of the spectra to write, such as spectra.png
        "write": "",  # file to write them to, such as corn.xlsx, corn.jdx or corn.h5
        "instrument": "",  # which one to write, if the file holds several
    }
    return ConfigDict(settings)
