"""A local page for those who do not type: transfer, predict, identify, monitor.

    python -m spektron_jax.main --config=configs/app.py

Listens on 127.0.0.1 only, prints the address with its token and opens the browser.
Needs `pip install "spektron-jax[app]"`. Runs until Ctrl-C; files of a page are removed
when it is closed.
"""

from ml_collections import ConfigDict

from spektron_jax.errors import SpektronError


def get_config(arg: str = "") -> ConfigDict:
    """Return the settings; there are no variants."""
    if arg:
        raise SpektronError(f"configs/app.py:{arg}: there are no variants")
    settings = {
        "task": "app",
        "port": 0,  # of 127.0.0.1; 0 = one that is free
        "browser": True,  # open the page
        "megabytes": 500.0,  # of the files of a page together
        "minutes": 30.0,  # that a job may take
    }
    return ConfigDict(settings)
