# %% [markdown]
# # Inside the latent space
#
# Does `z_chem` hold chemistry and nothing of the instrument? What have oscillators,
# experts and read-outs learned? One question and one figure at a time, for the weights
# that ship with the package or for a run of your own.

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
from importlib.util import find_spec

import matplotlib.pyplot as plt
import numpy as np

import spektron_jax
from spektron_jax import LineCorpus
from spektron_jax.probes.completeness import TEXTBOOK, VISIBLE, completeness
from spektron_jax.probes.interpretation import experts, oscillators, planted
from spektron_jax.probes.interpretation.saliency import (
    contributions,
    linear_readout,
    saliency,
)
from spektron_jax.probes.interpretation.samples import virtual_samples
from spektron_jax.probes.latent_metrics import latent_metrics
from spektron_jax.training.evaluator import audit_evaluator
from spektron_jax.training.molecule_spectra import molecule_spectra
from spektron_jax.training.state import init_params

WEIGHTS = "nano"  # or the folder of a run
MOLECULES = 40  # on each instrument
INSTRUMENTS = 4
encoder = spektron_jax.load_encoder(WEIGHTS)

# %% [markdown]
# ## Two maps
#
# The same molecules on four infrared spectrometers that the weights have never seen. In
# `z_chem` the colours (instruments) should mix, in `z_inst` they should part. A map is
# a projection (UMAP where it is installed, else two principal components): it can hide
# what the probes below find.

# %%
codes, label = {"z_chem": [], "z_inst": []}, []
for instrument in range(INSTRUMENTS):
    seen, axis = molecule_spectra(
        encoder.config, "IR", MOLECULES, seed=0, instrument=instrument
    )
    out = encoder.encode(seen, axis, modality="IR")
    codes["z_chem"].append(out["chem_mean"])
    codes["z_inst"].append(out["inst_mean"])
    label += [instrument] * len(seen)
label = np.array(label)


def plane(z):
    """Two coordinates for each code."""
    z = (z - z.mean(0)) / np.maximum(z.std(0), 1e-6)
    if find_spec("umap"):
        from umap import UMAP

        return UMAP(random_state=0).fit_transform(z)
    return z @ np.linalg.svd(z, full_matrices=False)[2][:2].T


fig, panels = plt.subplots(2, 2, figsize=(7, 6), dpi=80, layout="constrained")
for row, (name, parts) in zip(panels, codes.items(), strict=True):
    x, y = plane(np.concatenate(parts)).T
    molecule = np.arange(len(x)) % len(parts[0])
    for k in range(INSTRUMENTS):
        row[0].scatter(x[label == k], y[label == k], s=8, label=f"instrument {k + 1}")
    row[1].scatter(x, y, s=8, c=molecule, cmap="nipy_spectral")
    row[0].set_title(f"{name} by instrument")
    row[1].set_title(f"{name} by molecule")
panels[0, 0].legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# ## Numbers: the audit
#
# A linear probe tries to read the instrument, a nearest-neighbour search tries to find
# each molecule again on another instrument. Disentangled means both at once: the
# instrument at chance **and** the molecule found. Either alone is easy: a constant code
# hides the instrument perfectly.

# %%
evaluator = audit_evaluator(encoder.params, encoder.config)
audit = latent_metrics(evaluator, seed=0, molecules=MOLECULES)["headline"]
print(f"chance level of the instrument: {audit['chance']:.0%}")
for code in codes:
    print(
        f"{code}: instrument read {audit[f'{code}_instrument']:.0%}, "
        f"molecule retrieval {audit[f'{code}_molecule']:.0%}"
    )
print(f"collapsed dimensions of z_chem: {audit['collapsed']:.0%}")
print(f"verdict: {audit['verdict']}")

# %% [markdown]
# ## Oscillators
#
# Every D-LinOSS oscillator has a period and a decay length along the wavenumber axis.
# Grey: as drawn before training. Circles: after, larger where they are driven and read
# more strongly.

# %%
stride = encoder.config.model.stride
fresh = init_params(encoder.model, encoder.config.seed)
before = oscillators.oscillators(fresh, stride)
after = oscillators.oscillators(encoder.params, stride)
fig, ax = plt.subplots(figsize=(5.6, 3.8), dpi=80)
ax.scatter(before.period_cm1, before.decay_cm1, s=12, color="0.8")
size = 22 * after.strength * after.strength.shape[-1]
ax.scatter(after.period_cm1, after.decay_cm1, s=size, facecolor="none", edgecolor="C0")
ax.set(xscale="log", yscale="log")
ax.set(xlabel="period (cm-1)", ylabel="decay length (cm-1)")
plt.show()
for name in ("period_cm1", "decay_cm1", "strength"):
    move = np.abs(np.log(getattr(after, name) / getattr(before, name)))
    print(f"median change of {name}: {np.median(move):.1%}")

# %% [markdown]
# Poles that hardly move say that training chose among the oscillators it was given, by
# how strongly it drives and reads them, rather than tuned their periods.
#
# What a layer does with a wave along the axis is its transfer function: bands are short
# periods, baselines long ones.

# %%
period = np.geomspace(2 * oscillators.token_spacing_cm1(stride), 8000, 60)
fig, ax = plt.subplots(figsize=(5.6, 3), dpi=80)
for params, style in ((fresh, ":"), (encoder.params, "-")):
    gain = oscillators.transfer_functions(params, stride, period)
    for layer, both in enumerate(gain):
        kind = "before" if style == ":" else "after"
        ax.plot(
            period,
            both.mean(0),
            style,
            color=f"C{layer}",
            label=f"layer {layer + 1}, {kind}",
        )
ax.set(xscale="log", xlabel="period of the wave (cm-1)", ylabel="gain")
ax.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# ## Experts
#
# Each token goes to two of four experts. Do modalities choose differently?

# %%
load, modality = [], []
for name in encoder.config.data.modalities:
    seen, axis = molecule_spectra(encoder.config, name, MOLECULES, seed=0)
    load.append(encoder.encode(seen, axis, modality=name)["load"])
    modality += [name] * len(seen)
use = experts.usage(np.concatenate(load), np.array(modality))
for name, shares in use.items():
    print(f"{name:6s}", "  ".join(f"{share:4.0%}" for share in shares))
print(f"modalities differ in at most {experts.preference(use):.0%} of the calls")

# %% [markdown]
# With KAN experts the activations themselves are learned and can be drawn.

# %%
shapes = experts.curves(encoder.params, encoder.config.model.experts)
if shapes is None:
    print("no KAN in these weights: the experts' activation is fixed (GELU)")
else:
    fig, ax = plt.subplots(figsize=(5, 3), dpi=80)
    ax.plot(shapes.inputs, shapes.shape[:, :4].reshape(-1, shapes.inputs.size).T, lw=1)
    ax.set(xlabel="input of a unit", ylabel="activation")
    plt.show()

# %% [markdown]
# ## What a prediction rests on
#
# A linear read-out of `z_chem` predicts benzene in virtual NIR powders. Integrated
# gradients share out its predictions over the wavelengths. Aromatic C-H has its first
# overtone at 1680 nm: is it there?

# %%
s = virtual_samples(seed=0)
readout = linear_readout(encoder.embed(s.spectra, s.axis, s.unit, s.modality), s.y)
print(f"{s.name}: Q2 {readout.q2:.2f} by cross-validation")
mean = s.spectra.mean(0)
seen = saliency(encoder, readout, s.spectra[:24], s.axis, s.unit, s.modality, mean)
share = np.convolve(contributions(seen), np.full(9, 1 / 9), mode="same")
fig, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(7, 3.6), dpi=80)
above.plot(s.axis, s.spectra[:24].T, color="0.6", lw=0.5)
above.set_ylabel("log 1/R")
below.plot(s.axis, share, lw=1)
below.axvline(1680, color="C1", ls=":")
below.set(xlabel="wavelength (nm)", ylabel="contribution")
plt.show()

# %% [markdown]
# A map that looks right proves nothing. So plant a band of random height and see
# whether the map finds it, and whether it stays silent for shuffled heights.

# %%
(band,) = planted.plant(encoder, *s[:4], places=(0.25,))
print(f"band at {band.place:.0f} nm: {band.share:.0%} of the contributions on it")
print(f"shuffled heights: {abs(band.control):.0%}; points there: {band.points:.0%}")

# %% [markdown]
# ## What no spectrum can tell
#
# The information completeness ratio R(G, N) is the share of a molecule's 3N - 6
# vibrations that IR or Raman can show. Symmetry hides the others: with a centre of
# inversion no vibration is active in both, and some are active in neither. Activity is
# read from computed intensities by a threshold, beside it what group theory says;
# cyclohexane has one too many, since its computed geometry is not quite symmetric.

# %%
corpus = LineCorpus.load()
lines = (corpus.ir_intensity_km_mol, corpus.raman_activity)
found = completeness(*lines, corpus.line_offset, corpus.modes)
for row, (name, group, modes, _, _, either, _) in zip(
    corpus.rows_of(TEXTBOOK), TEXTBOOK.values(), strict=True
):
    print(
        f"{name:20s}{group:5s} IR {found.ir[row]:2d}  Raman {found.raman[row]:2d}  "
        f"R = {found.either[row]}/{found.modes[row]} = {found.ratio[row]:.2f}, "
        f"by symmetry {either}/{modes}"
    )
visible = completeness(*lines, corpus.line_offset, corpus.modes, VISIBLE)
fig, ax = plt.subplots(figsize=(5.6, 3), dpi=80)
for name, label in {"ir": "IR", "raman": "Raman", "either": "either"}.items():
    values = getattr(visible, name) / visible.modes
    ax.hist(values, np.linspace(0, 1, 41), histtype="step", label=label)
ax.set(xlabel="share of the modes above 1 % of the strongest line", ylabel="molecules")
ax.legend(frameon=False, loc="upper left")
plt.show()

# %% [markdown]
# **What to take home.** Read the verdict of the audit first: while it says `leaking`,
# do not use `z_chem` where independence of the instrument is assumed. The other
# figures say what the parts do, not that they do it well. And for a molecule with
# R < 1 the missing part is missing in every spectrum: no model recovers it.
