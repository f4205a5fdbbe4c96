"""Fine-tuning learns, leaves the encoder alone, and repeats."""

import jax
import numpy as np
import pytest

from spektron_jax.encoder.features import Features
from spektron_jax.encoder.finetune import FineTuning, fine_tune
from spektron_jax.errors import SpektronError


def test_head_and_adapters_learn(instruments, tiny_weights):
    X_s, axis, X_t, _, y = instruments()
    features = Features(tiny_weights, axis, "nm", "NIR")
    before = jax.device_get(features.encoder.params)
    X, labels = np.vstack([X_s[:24], X_t[:12]]), np.append(y[:24], y[:12])
    target = np.arange(36) >= 24

    def error_of(**how):
        predict = fine_tune(features, X, labels, target, FineTuning(**how))
        return np.sqrt(np.mean((predict(X_t[:12]) - y[:12]) ** 2))

    untrained, head = error_of(head_steps=0), error_of()
    assert head < 0.5 * untrained
    adapters = {"rank": 2, "head_steps": 0, "steps": 80, "rate": 5e-3}
    both = error_of(**adapters)
    assert both < 0.7 * untrained
    assert error_of(**adapters) == both
    jax.tree.map(np.testing.assert_array_equal, features.encoder.params, before)
    # Without target labels the source alone is learnt from.
    none = np.zeros(30, bool)
    predict = fine_tune(features, X_s, y, none, FineTuning(rank=1, steps=1))
    assert np.isfinite(predict(X_t)).all()
    with pytest.raises(SpektronError, match="give a rank"):
        FineTuning(rank=-1)
