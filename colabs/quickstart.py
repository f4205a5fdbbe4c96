# %% [markdown]
# # Spektron in a few cells
#
# Restore the weights that ship with the package, render molecules on two instruments
# that the weights never saw, and look for each molecule again by its embedding.

# %%
# On Colab, clone the project and install it here first: pip install -e spektron_jax
import jax.numpy as jnp
import numpy as np

import spektron_jax
from spektron_jax.data.corpus import LineCorpus
from spektron_jax.grid import MODALITIES, pretraining_axis
from spektron_jax.lab.render import render_lines

MOLECULES = 100
encoder = spektron_jax.load_encoder("nano")

# %% [markdown]
# Test molecules, as infrared spectra. An instrument here is a shift and a broadening
# of the wavenumber axis, in cm-1.

# %%
corpus = LineCorpus.load()
molecule, modality = corpus.examples("test")
molecule = molecule[modality == MODALITIES.index("IR")][:MOLECULES]
lines = corpus.fetch(molecule, np.full(len(molecule), MODALITIES.index("IR")))
axis = pretraining_axis()


def measure(shift_cm1, sigma_cm1):
    """Spectra of all molecules, strongest band 1."""
    spectra = render_lines(
        lines["position_cm1"] + shift_cm1,
        lines["strength"],
        jnp.asarray(axis, jnp.float32),
        15.0,
        sigma_cm1,
    )
    return np.asarray(spectra / spectra.max(axis=-1, keepdims=True))


first, second = measure(0.0, 2.0), measure(1.5, 6.0)

# %% [markdown]
# Which spectrum of the second instrument lies nearest to each of the first?


# %%
def found_again(a, b):
    """Share of rows of a whose nearest row of b has the same number."""
    distance = np.linalg.norm(a[:, None] - b[None], axis=-1)
    return float(np.mean(distance.argmin(axis=1) == np.arange(len(a))))


z_first = encoder.embed(first, axis, modality="IR")
z_second = encoder.embed(second, axis, modality="IR")
print(f"embedding: {found_again(z_first, z_second):.0%} of {len(first)} found again")
print(f"raw spectra: {found_again(first, second):.0%}")
