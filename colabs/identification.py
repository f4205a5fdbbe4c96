# %% [markdown]
# # What is this spectrum?
#
# A library of known Raman spectra from one spectrometer, and spectra of the same
# compounds from two others. Which entry is it, and is the answer to be believed?
#
# The compounds are computed and the instruments simulated, so that everything can be
# checked; files of your own take their place by two paths.

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

import spektron_jax
from spektron_jax import SpectralLibrary, lab
from spektron_jax.training.molecule_spectra import molecule_spectra

LIBRARY, UNKNOWN = "", ""  # your files, such as "library.csv"; "" = virtual spectra
MODALITY = "Raman"
COMPOUNDS, MISSING = 80, 20  # of which the library lacks so many

# %%
if LIBRARY:
    known, asked = (
        spektron_jax.read(one, modality=MODALITY) for one in (LIBRARY, UNKNOWN)
    )
    (a,), (b,) = known.instruments.values(), asked.instruments.values()
    names, axis, unit, spectra = known.sample_ids, a.axis, a.unit, a.spectra
    queries, truth = {"yours": (b.spectra, b.axis)}, None
else:
    config = spektron_jax.load_encoder("nano").config
    clean, axis = molecule_spectra(config, MODALITY, COMPOUNDS, seed=3)
    unit, key = "cm-1", jax.random.key(0)
    names = np.array([f"compound {i}" for i in range(COMPOUNDS)])
    home = lab.ideal("raman_785", name="library", noise=2e-3)
    spectra = np.asarray(lab.measure(clean, axis, unit, home, key))[MISSING:]
    others = (
        lab.ideal("raman_785", name="a good one", shift=1.5, fwhm=6.0, noise=2e-2),
        lab.draw("raman_785", seed=11, name="another one"),
    )
    queries = {
        one.name: (np.asarray(lab.measure(clean, axis, unit, one, key)), axis)
        for one in others
    }
    truth, names = names, names[MISSING:]

fig, ax = plt.subplots(figsize=(7, 2.8), dpi=80)
row = 0 if truth is None else MISSING
ax.plot(axis, spectra[0] / spectra[0].max(), lw=1, label=names[0])
for number, (name, (X, at)) in enumerate(queries.items(), 1):
    ax.plot(at, X[row] / X[row].max() + number, lw=1, label=name)
ax.set(xlabel=f"shift ({unit})", yticks=[])
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# ## Search
#
# Twelve similarities vote: spectra, derivatives, peaks, windows that may shift. Below,
# how often the right entry is first, beside the cosine that most programs use.

# %%
library = SpectralLibrary(spectra, axis, names, unit=unit, modality=MODALITY)


def by_cosine(X):
    """Name of the library spectrum at the least angle."""
    X, known = (one / np.linalg.norm(one, axis=1)[:, None] for one in (X, spectra))
    return names[(X @ known.T).argmax(axis=1)]


for name, (X, at) in queries.items():
    hits = library.search(X, at, k=5)
    if truth is None:
        for first, score in zip(hits.names[:, 0], hits.score[:, 0], strict=True):
            print(f"{first}  score {score:.2f}")
        continue
    there = np.isin(truth, names)
    right = hits.names[there] == truth[there, None]
    first, five = right[:, 0].mean(), right.any(axis=1).mean()
    cosine = np.mean(by_cosine(X)[there] == truth[there])
    print(
        f"{name}: first {first:.0%}, among five {five:.0%}; cosine first {cosine:.0%}"
    )

# %% [markdown]
# ## Believe it?
#
# A search always has a best hit, also for a compound that the library lacks.
# `calibrate` measures the library again on virtual instruments, searches with and
# without the right entry, and learns when to reject.

# %%
library.calibrate(precision=0.95)
for name, (X, at) in queries.items():
    hits = library.search(X, at)
    if truth is None:
        print(f"{name}: {hits.accepted.sum()} of {len(X)} accepted")
        continue
    right = hits.names[:, 0] == truth
    lacking = ~np.isin(truth, names)
    print(
        f"{name}: {hits.accepted[~lacking].sum()} of {np.sum(~lacking)} accepted, "
        f"{np.sum(hits.accepted & right)} of them right; of {lacking.sum()} that the "
        f"library lacks {hits.accepted[lacking].sum()} accepted"
    )

# %%
fig, ax = plt.subplots(figsize=(5.4, 3), dpi=80)
for name, (X, at) in queries.items():
    p = library.search(X, at).p_correct
    if truth is None:
        ax.hist(p, bins=np.linspace(0, 1, 21), alpha=0.6, label=name)
        continue
    there = np.isin(truth, names)
    ax.plot(np.sort(p[there]), label=f"{name}, in the library")
    ax.plot(np.sort(p[~there]), "--", label=f"{name}, not in it")
ax.axhline(min(library.threshold_, 1.0), color="0.5", lw=0.8)
ax.set(xlabel="query, sorted", ylabel="probability of a right hit")
ax.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# **What to take home.** Look at the second line of each pair as well as at the first: a
# best hit is an answer only where it is accepted. The figures above are of simulated
# instruments; on measured libraries of look-alikes rejection is less sure
# (`docs/identification.md`), so compare query and hit by eye before you rely on one.
