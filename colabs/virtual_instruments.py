# %% [markdown]
# # Would my calibration survive on another instrument?
#
# Before the second spectrometer is bought, or a line is moved: what would the
# calibration do on an instrument with 1 nm of shift and 15 nm more bandwidth?

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
import jax
import matplotlib.pyplot as plt
import numpy as np
from scipy.signal import savgol_filter
from sklearn.cross_decomposition import PLSRegression

from spektron_jax import LineCorpus, lab

STEPS = 7  # of the map below, in each direction

# %% [markdown]
# ## The calibration
#
# Virtual NIR powders of ethanol, hexane, benzene and water. Put your own spectra, axis
# and reference values here: everything below works on them as they are. (Property,
# preprocessing and numbers of components were picked among 24 combinations to show the
# contrast clearly; ethanol without derivatives shows less of it.)

# %%
corpus = LineCorpus.load()
rows = corpus.rows_of(["CCO", "CCCCCC", "c1ccccc1", "O"])
task = lab.transfer_task(corpus.bonds(rows), seed=1)
spectra, axis, unit = task.spectra_a, task.axis_a, "nm"
y, name = task.targets[:, 2], "benzene (mol %)"
train, test = task.calibration, task.test


def calibration(components):
    """PLS on first derivatives; returns a function from spectra to predictions."""

    def preprocess(X):
        return savgol_filter(X, 15, 2, deriv=1)

    pls = PLSRegression(components, scale=False).fit(
        preprocess(spectra[train]), y[train]
    )
    return lambda X: pls.predict(preprocess(X)).ravel()


def rmsep(X, predict):
    """Root mean squared error of prediction of the test samples, as measured in X."""
    return float(np.sqrt(np.mean((predict(X) - y[test]) ** 2)))


predict = calibration(6)
at_home = rmsep(spectra[test], predict)
print(f"RMSEP at home: {at_home:.2f} {name}; spread of the samples {y.std():.1f}")

# %% [markdown]
# ## One instrument
#
# `lab.measure` shows the same samples on another instrument. `fwhm` is what is added to
# the width that the spectra have already.

# %%
other = lab.ideal("grating_nir", shift=1.0, fwhm=15.0)
elsewhere = lab.measure(spectra[test], axis, unit, other)
print(
    f"RMSEP with 1 nm of shift and 15 nm added width: {rmsep(elsewhere, predict):.2f}"
)

fig, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(7, 3.6), dpi=80)
above.plot(axis, spectra[test[0]], lw=1, label="at home")
above.plot(axis, elsewhere[0], lw=1, label="elsewhere")
above.legend(frameon=False)
below.plot(axis, elsewhere[0] - spectra[test[0]], lw=1, color="C3")
above.set_ylabel("log 1/R")
below.set(xlabel="wavelength (nm)", ylabel="difference")
plt.show()

# %% [markdown]
# ## Which of the two hurts?
#
# The same for a grid of shifts and widths, in multiples of the RMSEP at home.

# %%
shifts, widths = np.linspace(-1.5, 1.5, STEPS), np.linspace(0, 18, STEPS)
table = np.empty((STEPS, STEPS))
for i, width in enumerate(widths):
    for j, shift in enumerate(shifts):
        one = lab.ideal("grating_nir", shift=shift, fwhm=width)
        there = lab.measure(spectra[test], axis, unit, one)
        table[i, j] = rmsep(there, predict) / at_home

fig, ax = plt.subplots(figsize=(5.4, 3.8), dpi=80)
ax.imshow(np.log(table), cmap="Blues", origin="lower", aspect="auto", vmax=1.5)
for i in range(STEPS):
    for j in range(STEPS):
        ax.text(j, i, f"{table[i, j]:.1f}", ha="center", va="center", fontsize=8)
ax.set_xticks(range(STEPS), [f"{shift:g}" for shift in shifts])
ax.set_yticks(range(STEPS), [f"{width:g}" for width in widths])
ax.set(xlabel="shift (nm)", ylabel="added width, FWHM (nm)", title="RMSEP / at home")
plt.show()

# %% [markdown]
# ## Which calibration is the more robust?
#
# At home, six components and twelve are hard to tell apart. Elsewhere it
# matters: every component more leans on finer structure, which shift and width change
# first.

# %%
numbers = range(3, 13)
home, there = [], []
for components in numbers:
    one = calibration(components)
    home.append(rmsep(spectra[test], one))
    there.append(rmsep(elsewhere, one))
fig, ax = plt.subplots(figsize=(5.2, 3), dpi=80)
ax.plot(numbers, home, "o-", label="at home")
ax.plot(numbers, there, "s-", label="elsewhere")
ax.set(yscale="log", xlabel="components of the calibration", ylabel="RMSEP (mol %)")
ax.legend(frameon=False)
plt.show()
print(f"6 components: {home[3]:.1f} at home, {there[3]:.1f} elsewhere")
print(f"12 components: {home[-1]:.1f} at home, {there[-1]:.1f} elsewhere")

# %% [markdown]
# ## Whole instruments
#
# Real instruments differ in more: stray light, non-linearity, gain, baseline, fine
# structure, noise. Twelve drawn gratings and twelve process instruments, with a bias
# correction from five samples measured on each as the cheapest cure.

# %%
fix, judged = test[:5], test[5:]
fig, ax = plt.subplots(figsize=(5.2, 3.4), dpi=80)
for preset, colour in {"grating_nir": "C0", "process_nir": "C1"}.items():
    raw, cured = [], []
    for seed in range(12):
        drawn = lab.draw(preset, seed)
        X = lab.measure(spectra, axis, unit, drawn, jax.random.key(seed))
        error = predict(X) - y
        raw.append(np.sqrt(np.mean(error[judged] ** 2)))
        cured.append(np.sqrt(np.mean((error[judged] - error[fix].mean()) ** 2)))
    ax.scatter(raw, cured, s=22, color=colour, label=preset)
    print(
        f"{preset}: median RMSEP {np.median(raw):.1f}, corrected {np.median(cured):.1f}"
    )
ends = [0, 1.1 * ax.get_xlim()[1]]
ax.plot(ends, ends, color="0.7", lw=1)
ax.axhline(at_home, color="0.4", ls=":", label="at home")
ax.set(xlabel="RMSEP (mol %)", ylabel="after a bias correction")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# **What to take home.** A virtual instrument tells which property of the new one to
# worry about, before it exists. It does not replace a transfer study: the ranges are
# those of makers' data sheets, and your samples have interferences that no simulation
# knows. If points lie well above the dotted line, plan for a transfer (see
# `few_shot_transfer`) and not for a bias correction.
