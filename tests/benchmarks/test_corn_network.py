"""Methods that only the study of the encoder on corn has."""

import numpy as np
import pytest

from benchmarks.corn_network import FineTuned, Rerendered
from spektron_jax.encoder.features import Features
from spektron_jax.encoder.finetune import FineTuning
from spektron_jax.transfer.data import TransferData


@pytest.mark.parametrize("n", [8, 0])
def test_every_method_fits(instruments, tiny_weights, n):
    X_s, axis, X_t, _, y = instruments()
    data = TransferData(X_s[:24], y[:24], X_t[:n], y[:n], np.arange(n))
    features = Features(tiny_weights, axis, "nm", "NIR")
    head = "mc/sg1" if n else "none/sg1"
    short = FineTuning(rank=1, head_steps=5, steps=1)
    for method in (Rerendered(features, head), FineTuned(features, short)):
        assert np.isfinite(method.fit(data)(X_t[24:])).all()
