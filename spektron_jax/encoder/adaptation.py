"""Settings of test-time training, and the small set of parameters that it leaves.

No JAX here: it is loaded when something is adapted.

K = unlabelled target spectra, L = points.
"""

import functools
from dataclasses import asdict, dataclass

import numpy as np

from spektron_jax.encoder.features import Features


@dataclass(frozen=True)
class Adaptation:
    """Test-time training as the design has it; see `ttt.adapt`.

    The target spectra are used without labels, those that intervals are calibrated on
    among them.

    Attributes:
      spectra: K, target spectra at most, the first ones
      steps: of Adam
      rate: learning rate
      share: of the points that is hidden
      lora: rank of adapters on attention and backbone; 0: none
      seed: of masks and adapters
    """

    spectra: int = 10
    steps: int = 3
    rate: float = 1e-5
    share: float = 0.35
    lora: int = 0
    seed: int = 0


def adapted(features: Features, X: np.ndarray, how: Adaptation) -> Features:
    """Features of an encoder adapted to target spectra (n, L); none: as they are."""
    if not len(X):
        return features
    X = np.ascontiguousarray(X[: how.spectra], np.float64)
    return _adapted(features, X.tobytes(), len(X), how)


# The properties of one sample set follow each other: they share their adaptation.
@functools.lru_cache(maxsize=16)
def _adapted(features: Features, X: bytes, n: int, how: Adaptation) -> Features:
    from spektron_jax.encoder import test_time as ttt

    settings = asdict(how)
    del settings["spectra"]
    encoder, _ = ttt.adapt(
        features.encoder,
        np.frombuffer(X).reshape(n, -1),
        features.axis,
        features.unit,
        features.modality,
        **settings,
    )
    return features.using(encoder)
