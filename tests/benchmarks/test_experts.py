"""A gate that is told the modality, and how much experts say of it."""

import jax
import numpy as np
import pytest

from benchmarks import experts
from spektron_jax.spectra.grid import MODALITIES
from spektron_jax.training.state import init_params


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]], 1.0),
        ([[0.25] * 4, [0.25] * 4], 0.0),
        # Two of three share both experts: H(1/3) of the pairs.
        ([[0.5, 0.5, 0, 0]] * 2 + [[0, 0, 0.5, 0.5]], 0.9183),
    ],
)
def test_bits(rows, expected):
    use = dict(enumerate(map(np.array, rows)))
    assert experts.bits(use) == pytest.approx(expected, abs=1e-4)


def test_the_interval_is_students():
    mean, low, high = experts.difference([1.0, 2.0, 3.0])
    assert mean == 2.0 and high - mean == pytest.approx(4.3027 / 3**0.5, abs=1e-3)
    assert mean - low == pytest.approx(high - mean)


@pytest.mark.slow
def test_a_bias_of_nothing_changes_nothing_and_a_large_one_decides():
    config = experts.settings("told", 1)
    model = experts.network(config, "told")
    params = init_params(model, 0)
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3, 256)).astype(np.float32)
    codes = np.array([MODALITIES.index(name) for name in experts.SHOWN])
    given = values, np.linspace(500, 4000, 256), np.ones((3, 256), bool), codes

    def encoded(model, params):
        return jax.jit(
            lambda params: model.apply({"params": params}, *given, method="encode")[1]
        )(params)

    plain = experts.network(config, "free")
    free = {name: part for name, part in params.items() if name != "preference"}
    assert jax.tree.structure(free) == jax.tree.structure(init_params(plain, 0))
    assert params["preference"].shape == (len(MODALITIES), config.model.experts)
    expected, found = encoded(plain, free), encoded(model, params)
    np.testing.assert_array_equal(found["routing"], expected["routing"])
    np.testing.assert_array_equal(found["chem_mean"], expected["chem_mean"])
    # 40 is more than logits of normed tokens of 32 numbers differ by.
    far = model.clone(prior=40.0)
    routing = encoded(far, init_params(far, 0))["routing"]
    for row, code in enumerate(codes):
        assert np.asarray(routing[row])[:, code].all()
