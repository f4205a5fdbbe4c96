# %% [markdown]
# # Your own two CSV files
#
# A calibration of the old instrument, as a table with a column for the property, and
# the spectra of ten of its samples on the new instrument: that is all. Write the paths
# of your files below; as it stands the notebook takes the example files of the package,
# two simulated instruments whose labels carry an error of the laboratory.
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
import tempfile
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import GridSearchCV

import spektron_jax
from spektron_jax import demo

OLD, NEW, CHECK = demo.paths()  # "old.csv", "new.csv", and labelled new samples or None
PROPERTY = "Moisture"
OUT = Path(tempfile.mkdtemp())  # where model and report go

# %% [markdown]
# ## What must a file look like?
#
# One row for each sample: its name, labels if there are any, then a value for each
# wavelength. Samples of the two files match by their names.

# %%
for path in (OLD, NEW):
    lines = Path(path).read_text().splitlines()
    print(Path(path).name, "-", len(lines) - 1, "samples")
    for line in lines[:3]:
        print("   ", line[:70], "...")

# %% [markdown]
# `read` says what it found. Look at unit, ranges of the targets, notes and problems
# before anything else.

# %%
old, new = spektron_jax.read(OLD), spektron_jax.read(NEW)
print(old)
print(new)

# %%
(a,), (b,) = old.instruments.values(), new.instruments.values()
both = [name for name in new.sample_ids if name in set(old.sample_ids)]
print(len(both), "samples were measured on both:", ", ".join(both))
fig, ax = plt.subplots(figsize=(7, 2.8), dpi=80)
for one, spectra, label in ((old, a, "old instrument"), (new, b, "new instrument")):
    row = list(one.sample_ids).index(both[0])
    ax.plot(spectra.axis, spectra.spectra[row], lw=1, label=label)
ax.set(xlabel=f"axis ({a.unit})", ylabel="spectrum", title=f"sample {both[0]}")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# ## The transfer
#
# One call. What weakens the result is a warning; the verdict says what it is good for,
# by samples that the fits had not seen.

# %%
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    ct = spektron_jax.transfer(OLD, NEW, property=PROPERTY, weights=None)
for one in said:
    print("warning:", one.message)
print(ct.regime_)
print(ct.verdict())

# %% [markdown]
# ## Is it right?
#
# The third file holds thirty other samples of the new instrument with their reference
# values; nothing was fitted on them. "No transfer" is a PLS calibration of the old
# instrument, components by cross-validation, that is fed with spectra of the new one.
# How wrong that goes is chance: with other components or derivatives it may be nearly
# right, or ten times as wrong, and without labels of the new instrument nothing tells
# which.

# %%
if CHECK is not None:
    kept = spektron_jax.read(CHECK)
    (c,) = kept.instruments.values()
    y = kept.target(PROPERTY)
    search = GridSearchCV(
        PLSRegression(scale=False), {"n_components": range(1, 16)}, cv=10
    ).fit(a.spectra, old.target(PROPERTY))
    before = search.predict(c.spectra).ravel()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        after = ct.predict(c.spectra, c.axis)
    for one in said:
        print("warning:", one.message)
    low, high = ct.predict_interval(c.spectra, coverage=0.9, axis=c.axis)

    def rmsep(predicted):
        """Root mean squared error of prediction."""
        return float(np.sqrt(np.mean((predicted - y) ** 2)))

    print(f"SD of the reference values {y.std():.2f}")
    for k in (4, 6, 8, 10):
        pls = PLSRegression(k, scale=False).fit(a.spectra, old.target(PROPERTY))
        print(
            f"RMSEP {rmsep(pls.predict(c.spectra).ravel()):.2f}, PLS of {k}, as it is"
        )
    print(f"RMSEP {rmsep(before):.2f} without a transfer, {rmsep(after):.2f} with it")
    inside = int(np.sum((low <= y) & (y <= high)))
    print(f"{inside} of {y.size} reference values lie in their 90 % intervals")

# %%
if CHECK is not None:
    fig, axes = plt.subplots(1, 2, figsize=(8, 3.8), dpi=80)
    for ax, predicted, title in zip(
        axes, (before, after), ("no transfer", "transfer"), strict=True
    ):
        ends = [min(y.min(), predicted.min()), max(y.max(), predicted.max())]
        ax.plot(ends, ends, color="0.7", lw=1)
        ax.scatter(y, predicted, s=18)
        ax.set(xlabel=f"reference, {PROPERTY}", title=title)
    axes[0].set_ylabel("predicted")
    error = np.array([after - low, high - after])
    axes[1].errorbar(y, after, error, fmt="none", lw=0.7, color="C0")
    plt.show()

# %% [markdown]
# The intervals come from ten left-out samples, so they are rough: on this pair fewer
# values lie inside than the 27 of 30 that a 90 % interval promises. Over 20 pairs of
# this kind 90 % do; on one pair they may be too narrow or too wide. More transfer
# samples make them surer, not only narrower. Spectra unlike those of the calibration
# are named:

# %%
if CHECK is not None:
    flags = ct.applicability(c.spectra, c.axis)
    for flag in sorted(set(flags)):
        print(f"{flag}: {', '.join(kept.sample_ids[flags == flag])}")

# %% [markdown]
# ## Keep it
#
# A page for the file cabinet, and the model. The notebook `export` turns it into a file
# for the instrument's software, a spreadsheet or a browser.

# %%
print(ct.report(OUT / "report.html").name, ct.save(OUT / "model").name)
again = spektron_jax.CalibrationTransfer.load(OUT / "model")
same = np.array_equal(again.predict(b.spectra, b.axis), ct.predict(b.spectra, b.axis))
print("the saved model predicts the same:", same)
