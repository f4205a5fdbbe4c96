"""The weights of similarities, learnt where it is known which of them is right."""

import numpy as np

from benchmarks.virtual_libraries import fit


def test_the_fit_finds_the_similarity_that_knows_and_ignores_noise():
    rng = np.random.default_rng(0)
    blocks = [
        {"knows": np.eye(20) + 0.3 * rng.normal(size=(20, 20)),
         "noise": rng.normal(size=(20, 20)), "wrong": -np.eye(20)}
        for _ in range(5)
    ]  # fmt: skip
    found = fit(blocks, ["knows", "noise", "wrong"])
    assert found["knows"] > 1 > 5 * found["noise"]
    assert found["wrong"] == 0.0
