# %% [markdown]
# # A calibration without Python
#
# The instrument's computer has no Python. A transferred calibration is a fixed sum of
# the spectrum's values, so it fits into a file: a table of coefficients, a workbook
# with formulas, a page for the browser, a function in C or JavaScript. This notebook
# writes them, predicts from the table with nothing but sums, and compares.
#
# Needs the small install alone, no JAX.

# %%
# Installs the package where it is missing, as on Colab: put a clone of the project, or
# its wheel, beside this notebook first. In an installed checkout nothing happens.
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

try:
    version("spektron-jax")
except PackageNotFoundError:
    folders = [*Path("..").glob("setup.py"), *Path(".").glob("*/setup.py")]
    found = [*(path.parent for path in folders), *Path(".").glob("spektron_jax-*.whl")]
    assert found, "put a clone of the project, or its wheel, beside this notebook"
    wanted = str(found[0].resolve())
    pip = [sys.executable, "-m", "pip", "install", "-q", wanted]
    subprocess.run(pip, check=True)

# %%
import json
import tempfile
import warnings

import matplotlib.pyplot as plt
import numpy as np

import spektron_jax
from spektron_jax import demo

warnings.simplefilter("ignore", spektron_jax.SpektronWarning)  # see own_csv
OLD, NEW, CHECK = demo.paths()  # files of your own take their place
PROPERTY = "Moisture"
OUT = Path(tempfile.mkdtemp())

ct = spektron_jax.transfer(OLD, NEW, property=PROPERTY, weights=None)
print(ct.verdict())

# %% [markdown]
# ## One call for each form
#
# The ending says which. Value, interval, T2, Q and the flag are in all of them.

# %%
for name in ("csv", "xlsx", "json", "html", "c", "js"):
    path = ct.export(OUT / f"moisture.{name}")
    print(f"{path.name:14} {path.stat().st_size / 1e3:6.0f} kB")

# %% [markdown]
# ## What the calibration looks at
#
# Two vectors on the new instrument's own axis: one for the spectrum as it is, one for
# the spectrum divided by its standard deviation. Large coefficients stand where the
# property has bands, or where something else has to be taken away.

# %%
definition = json.loads((OUT / "moisture.json").read_text())
positions = np.array(definition["axis"]["positions"])
fig, axes = plt.subplots(2, 1, sharex=True, figsize=(7, 3.8), dpi=80)
for ax, name in zip(axes, ("raw", "snv"), strict=True):
    ax.plot(positions, definition[name], lw=1)
    ax.axhline(0, color="0.7", lw=0.8)
    ax.set_ylabel(f"coefficient, {name}")
axes[1].set_xlabel(f"wavelength ({definition['axis']['unit']})")
plt.show()

# %% [markdown]
# ## By hand
#
# This is all that other software has to do for the value (`docs/export.md` has the
# interval and the flag). Thirty spectra that nothing was fitted on:

# %%
kept = spektron_jax.read(CHECK)
(spectra,) = kept.instruments.values()
X = spectra.spectra.astype(float)


def value(x):
    """What a file says of one spectrum."""
    total = definition["intercept"] + np.dot(definition["raw"], x)
    if definition["snv"] is None:
        return total
    points = definition["points"]
    z = x
    if points is not None:
        z = np.array(
            [
                constant + np.dot(row, x[first : first + len(row)])
                for first, row, constant in zip(
                    points["first"], points["weights"], points["constant"], strict=True
                )
            ]
        )
    scaled = np.dot(definition["snv"], x) + definition["snv_constant"]
    return total + scaled / (z.std(ddof=1) or 1.0)


by_hand = np.array([value(x) for x in X])
python = ct.predict(X, spectra.axis)
y = kept.target(PROPERTY)
print(f"largest difference to predict: {np.abs(by_hand - python).max():.0e}")
print(f"RMSEP of the file: {np.sqrt(np.mean((by_hand - y) ** 2)):.3f} %")
print(f"SD of the reference values: {y.std():.3f} %")

# %% [markdown]
# ## It fails closed
#
# An exported file knows its axis. Spectra of another one give no number:

# %%
try:
    ct.predict(X[:, ::2], spectra.axis[::2] + 300)
except spektron_jax.SpektronError as error:
    print("predict:", error)
source = (OUT / "moisture.c").read_text()
codes = [line.strip() for line in source.splitlines() if "SPEKTRON_" in line]
print(*codes[:8], sep="\n")

# %% [markdown]
# `moisture.html` opens in any browser, also from a USB stick: drop CSV or JCAMP-DX
# files on it, read values, download a table. `moisture.xlsx` takes pasted spectra.
# Neither sends anything anywhere.
