# %% [markdown]
# # A calibration on a new spectrometer, from ten samples
#
# A calibration was made on instrument A. Instrument B is new, and ten samples have been
# measured on both. How good are predictions on B, and what do their labels add?
#
# The samples are virtual powders of known composition, so everything can be checked; a
# file of your own takes their place by one path.

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
    wanted = f"{found[0].resolve()}[network]"
    pip = [sys.executable, "-m", "pip", "install", "-q", wanted]
    subprocess.run(pip, check=True)

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.cross_decomposition import PLSRegression

import spektron_jax
from spektron_jax import CalibrationTransfer, LineCorpus, lab

FILE = ""  # your spectra set, such as "corn.h5"; "" = virtual powders
SOURCE, TARGET, PROPERTY = "m5", "mp6", "moisture"  # names in your file
TRANSFER = 10  # samples measured on both instruments
WEIGHTS = "nano"  # of the encoder; None: without it

# %% [markdown]
# ## The samples
#
# Row i is the same sample on both instruments. A fifth of the samples is kept for the
# test and takes no part in anything else.

# %%
if FILE:
    data = spektron_jax.read(FILE)
    a, b = data.instruments[SOURCE], data.instruments[TARGET]
    kept = a.measured & b.measured & np.isfinite(data.target(PROPERTY))
    X_a, X_b, y = a.spectra[kept], b.spectra[kept], data.target(PROPERTY)[kept]
    axis_a, axis_b, unit, name = a.axis, b.axis, a.unit, PROPERTY
    modality = data.modality
    order = np.random.default_rng(0).permutation(len(y))
    test, calibration = np.split(order, [len(y) // 5])
else:
    corpus = LineCorpus.load()
    rows = corpus.rows_of(["CCO", "CCCCCC", "c1ccccc1", "O"])
    task = lab.transfer_task(corpus.bonds(rows), seed=0, difficulty="typical")
    X_a, X_b, y = task.spectra_a, task.spectra_b, task.targets[:, 0]
    axis_a, axis_b, unit, name = task.axis_a, task.axis_b, "nm", "ethanol (mol %)"
    modality = "NIR"
    calibration, test = task.calibration, task.test

fig, ax = plt.subplots(figsize=(7, 2.6), dpi=80)
ax.plot(axis_a, X_a[test[0]], lw=1, label="A")
ax.plot(axis_b, X_b[test[0]], lw=1, label="B")
ax.set(xlabel=f"axis ({unit})", ylabel="log 1/R", title="one sample, two instruments")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# ## Three ways
#
# 1. *As it is*: the PLS calibration of A, fed with spectra of B.
# 2. *Spectra alone*: the ten samples' spectra on B, no labels and no pairs. Here the
#    encoder can have a share in the prediction.
# 3. *With labels*: the same ten, with their labels and spectra on A. A small network's
#    prior of where a calibration should look takes part; the encoder is not loaded.

# %%
sample = np.random.default_rng(1).permutation(calibration)[:TRANSFER]
paired = np.searchsorted(np.sort(calibration), sample)
source = np.sort(calibration)


def rmsep(predicted):
    """Root mean squared error of prediction on the test samples."""
    return float(np.sqrt(np.mean((np.ravel(predicted) - y[test]) ** 2)))


predictions = {}
on_a = np.stack([np.interp(axis_a, axis_b, row) for row in X_b[test]])
pls = PLSRegression(8, scale=False).fit(X_a[source], y[source])
predictions["as it is"] = pls.predict(on_a).ravel()
transfers = {}
labels = {"y_target": y[sample], "paired": paired}
for label, known in {"spectra alone": {}, "with labels": labels}.items():
    ct = CalibrationTransfer(weights=WEIGHTS)
    ct.fit(
        X_a[source],
        y[source],
        axis_a,
        X_b[sample],
        axis_b,
        unit=unit,
        modality=modality,
        **known,
    )
    predictions[label] = ct.predict(X_b[test])
    transfers[label] = ct
for label, predicted in predictions.items():
    print(f"RMSEP {rmsep(predicted):6.3f}  {label}")
for label, ct in transfers.items():
    print(
        f"{label}: encoder {ct.network_share_:.1%}, "
        f"learned prior {ct.prior_share_:.1%} of the prediction"
    )

# %%
fig, ax = plt.subplots(figsize=(4.2, 4), dpi=80)
ends = [y[test].min(), y[test].max()]
ax.plot(ends, ends, color="0.7")
for (label, predicted), marker in zip(predictions.items(), "xos", strict=True):
    ax.scatter(y[test], predicted, s=22, marker=marker, label=label)
ax.set(xlabel=f"reference, {name}", ylabel="predicted on B")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# ## How sure?
#
# Intervals come from samples that were left out, and warnings say what weakens them.

# %%
ct = transfers["with labels"]
low, high = ct.predict_interval(X_b[test], coverage=0.9)
inside = np.mean((low <= y[test]) & (y[test] <= high))
print(f"{inside:.0%} of the test samples lie in their 90 % interval")
for warning in ct.warnings_:
    print("-", warning)

# %% [markdown]
# **What to take home.** Transferring at all is what matters: compare the first line of
# the table with the others. Whether a network adds anything on top is decided by the
# data, and its share above says what they decided. With sixteen test samples,
# differences of a fifth in RMSEP are noise: look at your own data, and at more than one
# split. Intervals of a handful of labels are as rough: on this pair they are far too
# narrow, over many pairs nine of ten values lie inside (`docs/transfer.md`).
