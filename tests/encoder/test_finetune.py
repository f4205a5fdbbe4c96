"""Fine-tuning learns, leaves the encoder alone, and repeats."""

import jax
import numpy as np
import pytest

from spektron_jax.encoder.features import Features
from spektron_jax.encoder.finetune import FineTuned
from spektron_jax.errors import SpektronError
from spektron_jax.transfer.data import TransferData


def error_of(method, data, X, y):
    return np.sqrt(np.mean((method.fit(data)(X) - y) ** 2))


def test_head_and_adapters_learn(instruments, tiny_weights):
    X_s, axis, X_t, _, y = instruments()
    features = Features(tiny_weights, axis, "nm", "NIR")
    before = jax.device_get(features.encoder.params)
    data = TransferData(X_s[:24], y[:24], X_t[:12], y[:12], np.arange(12))
    known = X_t[:12], y[:12]
    untrained = error_of(FineTuned(features, head_steps=0), data, *known)
    head = error_of(FineTuned(features), data, *known)
    assert head < 0.5 * untrained
    both = FineTuned(features, rank=2, head_steps=0, steps=80, rate=5e-3)
    predicted = both.fit(data)(X_t[:12])
    assert np.sqrt(np.mean((predicted - y[:12]) ** 2)) < 0.7 * untrained
    np.testing.assert_array_equal(both.fit(data)(X_t[:12]), predicted)
    jax.tree.map(np.testing.assert_array_equal, features.encoder.params, before)
    # Without target labels the source alone is learnt from.
    bare = TransferData(X_s, y, X_t[:3], np.full(3, np.nan), np.full(3, -1))
    assert np.isfinite(FineTuned(features, rank=1, steps=1).fit(bare)(X_t)).all()
    with pytest.raises(SpektronError, match="give a rank"):
        FineTuned(features, rank=-1).fit(data)
