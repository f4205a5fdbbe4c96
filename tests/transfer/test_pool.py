"""Samples with the same spectrum never stand on both sides of a trial."""

import numpy as np
import pytest

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.samples import Pool
from spektron_jax.transfer.splits import Regime

REGIMES = [Regime("none"), Regime("unlabelled", 5), Regime("paired", 5)]


def pool_of(instruments, **changed):
    X_s, axis, X_t, _, y = instruments(samples=20)
    X_s[7], X_t[11], X_t[3] = X_s[2], X_t[2], X_t[15]  # 2, 7, 11 and 3, 15
    ids = np.array([f"s{i}" for i in range(20)])
    return Pool(ids, X_s, axis, X_t, axis, y, "nm", "NIR", {}, **changed)


@pytest.mark.parametrize("regime", REGIMES, ids=str)
def test_twins_are_held_out_together(instruments, regime):
    trials = pool_of(instruments).trials(regime, 20, 0)
    held = [set(trial.rows.tolist()) for trial in trials]
    for twins in ({2, 7, 11}, {3, 15}):
        assert {len(twins & rows) for rows in held} == {0, len(twins)}
    for trial in trials:
        known = {row.tobytes() for row in trial.data.X_target}
        assert not known & {row.tobytes() for row in trial.X}
        source = {row.tobytes() for row in trial.data.X_source}
        assert not source & {row.tobytes() for row in trial.on_source}


def test_more_samples_than_there_are(instruments):
    pool = pool_of(instruments)
    with pytest.raises(SpektronError, match="n = 21: only 20 samples"):
        pool.chosen(Regime("paired", 21))
