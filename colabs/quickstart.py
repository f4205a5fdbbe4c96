# %% [markdown]
# # Spektron in a few cells
#
# Restore the weights that ship with the package, render molecules on two instruments
# that the weights never saw, and look for each molecule again by its embedding.

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
from spektron_jax import lab
from spektron_jax.training.molecule_spectra import molecule_spectra

MOLECULES = 100
encoder = spektron_jax.load_encoder("nano")

# %% [markdown]
# ## One set of molecules, three spectrometers
#
# Infrared spectra of molecules that were kept out of the training: on one FTIR
# spectrometer, on a second one with a wider line and its axis 1.5 cm-1 off, and with an
# ATR accessory, which weakens bands towards high wavenumbers and shifts the baseline.

# %%
library, axis = molecule_spectra(encoder.config, "IR", MOLECULES, seed=0)
key = jax.random.key(0)
second = lab.ideal("ftir", name="second FTIR", shift=1.5, fwhm=14.0, noise=1e-4)
measured = {
    one.name: lab.measure(library, axis, "cm-1", one, key)
    for one in (second, lab.draw("atr", seed=2, name="ATR"))
}

fig, ax = plt.subplots(figsize=(7, 2.8), dpi=80)
ax.plot(axis, library[0], lw=1, label="library")
for name, spectra in measured.items():
    ax.plot(axis, spectra[0], lw=1, label=name)
ax.set(xlim=(1800, 600), xlabel="wavenumber (cm-1)", ylabel="absorbance")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# ## Who is who?
#
# `embed` turns each spectrum into `z_chem`, 128 numbers. Which entry of the library
# lies nearest to each spectrum of the other instruments?


# %%
def retrieval(a, b):
    """Share of rows of a whose nearest row of b has the same number."""
    distance = np.linalg.norm(a[:, None] - b[None], axis=-1)
    return float(np.mean(distance.argmin(axis=1) == np.arange(len(a))))


z_library = encoder.embed(library, axis, modality="IR")
for name, spectra in measured.items():
    z = encoder.embed(spectra, axis, modality="IR")
    print(
        f"{name}: top-1 retrieval of {len(z)} spectra {retrieval(z, z_library):.0%} "
        f"by z_chem, {retrieval(spectra, library):.0%} by the spectra as they are"
    )

# %% [markdown]
# Compare the two numbers of each line before you believe in an embedding: plain spectra
# are a strong baseline as long as instruments are alike, and weights that still see the
# instrument in `z_chem` fail where instruments differ in kind. `latent_analysis` takes
# this question apart.
