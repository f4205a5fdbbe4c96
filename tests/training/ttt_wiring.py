"""Checks of how test-time training is wired; see `wiring.py`.

The network is a stand-in of one number, which is what it says of every point, so that
loss and steps can be worked out by hand.
"""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np

POINTS, SPECTRA, START = 120, 5, 2.0


class OneNumber:
    """A model whose spectrum is one number everywhere; keeps what was hidden."""

    def __init__(self):
        self.hidden = []

    def apply(self, params, values, wavenumber, valid, modality, hidden=None):
        import jax

        assert hidden is not None, "nothing is hidden from the network"
        jax.debug.callback(lambda h: self.hidden.append(np.array(h)), hidden)
        params = params["params"]
        said = params["summary"]["scale"] * jnp.mean(params["backbone"]["kernel"])
        said = said * jnp.ones_like(values)
        return jnp.stack([said, -said], -1), {}


def check_test_time():
    """What is hidden, what is asked for there, and how far three steps go."""
    import jax

    from spektron_jax.encoder.adaptation import Adaptation
    from spektron_jax.encoder.test_time import adapt

    model, data = OneNumber(), SimpleNamespace(points=POINTS, scale=0.1)
    params = {
        "summary": {"scale": jnp.asarray(START)},
        "backbone": {"kernel": jnp.ones((2, 2))},
    }
    encoder = SimpleNamespace(
        model=model, params=params, config=SimpleNamespace(data=data), adapter={}
    )
    axis = np.linspace(1100.0, 2300.0, POINTS)
    spectra = 0.05 * np.random.default_rng(0).normal(size=(SPECTRA, POINTS)) + 0.3
    adapted, losses = adapt(encoder, spectra, axis, "nm", "NIR", Adaptation())
    jax.effects_barrier()
    assert len(losses) == len(model.hidden) == 3
    for hidden in model.hidden:
        share = hidden.mean(1)
        assert (np.abs(share - 0.35) < 3 / POINTS).all(), share
    assert not np.array_equal(*model.hidden[:2])  # drawn anew at each step
    # On the even grid that the encoder takes, in model units.
    from spektron_jax.spectra.grid import to_tokens

    values = to_tokens(spectra, axis, "nm", POINTS).values / 0.1
    wanted = np.mean(
        [
            np.mean((START - v[h]) ** 2)
            for v, h in zip(values, model.hidden[0], strict=True)
        ]
    )
    np.testing.assert_allclose(losses[0], wanted, rtol=1e-5)
    # Adam's first steps are of the length of the rate, downhill: values lie higher.
    moved = float(adapted.params["summary"]["scale"]) - START
    np.testing.assert_allclose(moved, 3e-5, rtol=0.05)
    np.testing.assert_array_equal(adapted.params["backbone"]["kernel"], np.ones((2, 2)))
