"""Transfer by the encoder alone, as the design has it: encode, adapt, look up.

Each class is a method of the comparison: `fit(data)` returns a function from target
spectra to predictions.

    Adapted      the recipe on features of an encoder adapted at test time
    Neighbours   mean label of the nearest spectra in z_chem
    Rerendered   a transfer after each target spectrum was rendered as the source's

L = points, m = spectra, Z = latent width.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA

from spektron_jax.encoder.adaptation import Adaptation, adapted
from spektron_jax.encoder.features import Features
from spektron_jax.encoder.neighbours import neighbour_mean
from spektron_jax.errors import SpektronError
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import TransferRecipe
from spektron_jax.transfer.methods import make

Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Adapted:
    """The recipe of some kind after test-time training on the known target spectra."""

    features: Features
    adaptation: Adaptation = Adaptation()
    kind: str = "encoder"
    centre: np.ndarray | None = None  # as in TransferRecipe

    def fit(self, data: TransferData) -> Predict:
        """Adapt the encoder to `data.X_target`, then fit."""
        features = adapted(self.features, data.X_target, self.adaptation)
        return TransferRecipe(self.kind, features, self.centre).fit(data)


@dataclass(frozen=True)
class Neighbours:
    """k nearest known spectra by the cosine in z_chem, about the source's mean.

    Target codes are first moved by the mean difference of the instruments: of the pairs
    if there are any, else of all spectra known. Labelled target spectra are neighbours
    as well.
    """

    features: Features
    adaptation: Adaptation | None = None
    k: int = 5

    def fit(self, data: TransferData) -> Predict:
        """Encode what is known."""
        features = self.features
        if self.adaptation is not None:
            features = adapted(features, data.X_target, self.adaptation)
        source = features(data.X_source)["chem"]
        target = features(data.X_target)["chem"]
        centre, shift = source.mean(axis=0), code_shift(data, source, target)
        rows = data.labelled
        library = np.vstack([source, target[rows] + shift]) - centre
        y = np.append(data.y_source, data.y_target[rows])

        def predict(X: np.ndarray) -> np.ndarray:
            query = features(X)["chem"] + shift - centre
            return neighbour_mean(query, library, y, min(self.k, len(library)))

        return predict


@dataclass(frozen=True)
class Rerendered:
    """A transfer on spectra, after `rerender` has taken the target to the source."""

    features: Features
    head: str = "none/sg1"

    def fit(self, data: TransferData) -> Predict:
        """Render the target's spectra, then fit the head."""
        code = instrument_code(self.features, data.X_source)

        def render(X: np.ndarray) -> np.ndarray:
            return rerender(self.features, X, code) if len(X) else X

        rendered = TransferData(
            data.X_source,
            data.y_source,
            render(data.X_target),
            data.y_target,
            data.paired,
        )
        fitted = make(self.head).fit(rendered)
        return lambda X: fitted(render(X))


def code_shift(
    data: TransferData, source: np.ndarray, target: np.ndarray
) -> np.ndarray:
    """What takes target codes (T, Z) to source codes (S, Z), (Z,)."""
    if not len(target):
        return np.zeros(source.shape[1])
    pairs = data.paired >= 0
    if pairs.any():
        return (source[data.paired[pairs]] - target[pairs]).mean(axis=0)
    return source.mean(axis=0) - target.mean(axis=0)


def instrument_code(features: Features, X: np.ndarray) -> np.ndarray:
    """Mean z_inst of one instrument's spectra (n, L), (Z,)."""
    if not len(X):
        raise SpektronError("instrument code: needs a spectrum of the instrument")
    return features.encode(X)["inst_mean"].mean(axis=0)


def rerender(features: Features, X: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Spectra as another instrument would have measured them, from latents alone.

    z_chem of each spectrum and the instrument's z_inst are decoded by the transfer
    head, the network's decoder of spectra with swapped instruments.

    Args:
      features: the encoder on an axis
      X: spectra of any instrument on this axis                        (m, L)
      code: of the instrument to render for, from `instrument_code`    (Z,)

    Returns:
      Spectra on the same axis                                         (m, L)
    """
    z_chem = features.encode(X)["chem_mean"]
    found = features.encoder.render(z_chem, code, features.axis, features.unit)
    return found.astype(np.float64)


def latent_map(
    before: Features, after: Features, data: TransferData, X: np.ndarray
) -> dict[str, np.ndarray]:
    """Both instruments in z_chem, before and after the transfer, in two dimensions.

    Principal components of both instruments' codes before. After: the encoder as the
    transfer uses it, and the target moved by the mean difference of the instruments,
    which is what every transfer takes off at least.

    Args:
      before, after: the pretrained encoder, and the one in use
      data: what the transfer was fitted on
      X: target spectra to show                                        (m, L)

    Returns:
      source_before, source_after (S, 2), target_before, target_after (m, 2), and share,
      that of the variance before on both axes                         (2,)
    """
    codes = {}
    for name, features in (("before", before), ("after", after)):
        A, B, known = (features(Z)["chem"] for Z in (data.X_source, X, data.X_target))
        codes["source", name], codes["target", name] = A, B
        if name == "after":
            codes["target", name] = B + code_shift(data, A, known)
    joint = np.vstack([codes["source", "before"], codes["target", "before"]])
    pca = PCA(2).fit(joint)
    found = {f"{side}_{name}": pca.transform(Z) for (side, name), Z in codes.items()}
    return found | {"share": pca.explained_variance_ratio_}
