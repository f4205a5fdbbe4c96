# %% [markdown]
# # What the transfer network reads, and what it says
#
# A transfer is a weighted sum of models. The recipe weighs them by their errors on
# samples that were left out; the transfer network reads more and moves these weights.
# This notebook takes one transfer apart: what is seen of each model, and what comes of
# it.
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
import warnings

import matplotlib.pyplot as plt
import numpy as np

import spektron_jax
from spektron_jax import demo

warnings.simplefilter("ignore", spektron_jax.SpektronWarning)  # see own_csv
OLD, NEW, CHECK = demo.paths()  # files of your own take their place
PROPERTY = "Moisture"

plain = spektron_jax.transfer(OLD, NEW, property=PROPERTY, weights=None)
ct = spektron_jax.transfer(OLD, NEW, property=PROPERTY, weights="transfer")
print(f"share of the weights that the network moved: {ct.network_share_:.2f}")

# %% [markdown]
# ## Never on trust
#
# A network takes part only if it lowers the error of its probes, transfers of sets that
# it was not trained on, by more than two standard errors. They lie in its folder, and
# loading computes this number.

# %%
network = ct.features_
mean, error = network.gain
print(f"change of the log error on its probes: {mean:+.3f} +- {error:.3f}")
print("takes part:", network.acts)

# %% [markdown]
# ## Weights before and after
#
# Models with more than 1 % of the weight in either.

# %%
names = [n for n in ct.members_ if max(ct.members_[n], plain.members_[n]) > 0.01]
names.sort(key=lambda name: plain.members_[name])
place = np.arange(len(names))
fig, ax = plt.subplots(figsize=(7, 0.28 * len(names) + 0.8), dpi=80)
recipe = [plain.members_[n] for n in names]
ax.barh(place + 0.2, recipe, 0.4, label="recipe", color="0.6")
ax.barh(place - 0.2, [ct.members_[n] for n in names], 0.4, label="network")
ax.set_yticks(place, names)
ax.set_xlabel("weight")
ax.legend()
plt.show()

# %% [markdown]
# ## What comes of it
#
# Thirty samples on the new instrument that nothing was fitted on. One transfer shows
# what happened, not what is true on average: that is in `docs/transfer_network.md`,
# and it is why the network is not the default.

# %%
kept = spektron_jax.read(CHECK)
(one,) = kept.instruments.values()
y = kept.target(PROPERTY)
for name, each in (("recipe alone", plain), ("with the network", ct)):
    predicted = each.predict(one.spectra, one.axis)
    rmsep = np.sqrt(np.mean((predicted - y) ** 2))
    print(f"{name:18} RMSEP {rmsep:.3f} %")
