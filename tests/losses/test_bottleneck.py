"""KL, cross-entropy and the four parts of the bottleneck by hand."""

import jax
import numpy as np

from spektron_jax.losses.bottleneck import (
    COLLAPSED_KL,
    PARTS,
    bottleneck,
    cross_entropy,
    kl_per_dimension,
)


def test_kl_by_hand():
    """0 at N(0, 1); mean 2: 2; variance e: (e - 2) / 2; both add up."""
    mean = np.array([[0.0, 2.0, 0.0, 2.0]], np.float32)
    log_variance = np.array([[0.0, 0.0, 1.0, 1.0]], np.float32)
    wider = (np.e - 2) / 2
    np.testing.assert_allclose(
        kl_per_dimension(mean, log_variance), [[0, 2, wider, 2 + wider]], rtol=1e-6
    )


def test_kl_against_an_integral():
    mean, log_variance = 0.7, -1.3
    x = np.linspace(-8, 8, 20_001)
    sd = np.exp(log_variance / 2)
    log_p = -0.5 * ((x - mean) / sd) ** 2 - np.log(sd * np.sqrt(2 * np.pi))
    log_q = -0.5 * x**2 - np.log(np.sqrt(2 * np.pi))
    wanted = np.trapezoid(np.exp(log_p) * (log_p - log_q), x)
    np.testing.assert_allclose(
        kl_per_dimension(mean, np.float32(log_variance)), wanted, rtol=1e-5
    )


def test_cross_entropy_by_hand():
    logits = np.log(np.array([[0.2, 0.3, 0.5], [0.2, 0.3, 0.5]], np.float32)) + 9.0
    label = np.array([2, 0])
    np.testing.assert_allclose(
        cross_entropy(logits, label), -np.log([0.5, 0.2]), rtol=1e-5
    )
    even = np.zeros((1, 4), np.float32)
    np.testing.assert_allclose(cross_entropy(even, label[:1]), np.log(4), rtol=1e-6)


def arguments():
    """Of the whole, for two examples and three points."""
    zero = np.zeros((2, 4), np.float32)
    chem_mean = np.array([[2.0, 0.0, 0.0, 0.0]] * 2, np.float32)
    chem_logits = np.log(np.array([[0.5, 0.5], [0.9, 0.1]], np.float32))
    inst_logits = np.log(np.array([[0.8, 0.2], [0.4, 0.6]], np.float32))
    swapped = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]], np.float32)
    measured = np.array([[1.0, 0.0, 3.0], [0.0, 3.0, 9.0]], np.float32)
    valid = np.array([[True, True, True], [True, True, False]])
    return {
        "chem": (chem_mean, zero),
        "inst": (zero[:, :2] + 1, zero[:, :2]),
        "chem_logits": chem_logits,
        "inst_logits": inst_logits,
        "label": np.array([0, 1]),
        "swapped": swapped,
        "measured": measured,
        "valid": valid,
    }


def test_the_parts_by_hand():
    found = jax.jit(bottleneck)(**arguments())
    wanted = {
        "kl": [2.0 + 1.0, 2.0 + 1.0],  # summed over dimensions and latents
        "adversary": -np.log([0.5, 0.1]),
        "instrument": -np.log([0.8, 0.6]),
        "swap": [4 / 3, 9 / 2],
    }
    assert set(found) == set(PARTS) == set(wanted)
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name][0], value, rtol=1e-5, err_msg=name)
    diagnostics = {name: part[1] for name, part in found.items()}
    assert diagnostics == {
        "kl": {"chem": 0.5, "inst": 0.5, "collapsed": 0.75},
        "adversary": {"accuracy": 0.5},
        "instrument": {"accuracy": 1.0},
        "swap": {},
    }


def test_collapse_is_judged_on_the_mean_of_the_batch():
    """A dimension that carries something for one example has not collapsed."""
    given = arguments()
    mean = np.zeros((2, 4), np.float32)
    mean[0, 1] = 2 * np.sqrt(COLLAPSED_KL) + 0.01  # batch mean KL just above
    mean[:, 2] = np.sqrt(2 * COLLAPSED_KL) - 0.01  # just below
    given["chem"] = (mean, 0 * mean)
    assert jax.jit(bottleneck)(**given)["kl"][1]["collapsed"] == 0.75


def test_gradient_is_zero_only_where_it_should_be():
    given = arguments()
    names = ("chem", "inst", "chem_logits", "inst_logits", "swapped")

    def loss(*inputs):
        found = bottleneck(**given | dict(zip(names, inputs, strict=True)))
        return sum(values.sum() for values, _ in found.values())

    gradient = dict(
        zip(
            names,
            jax.jit(jax.grad(loss, argnums=range(5)))(*(given[n] for n in names)),
            strict=True,
        )
    )
    for name in ("chem_logits", "inst_logits"):
        assert (gradient[name] != 0).all()
    assert gradient["swapped"][1, 2] == 0.0  # not valid
    np.testing.assert_allclose(gradient["swapped"][0], [0, 4 / 3, 0], rtol=1e-5)
    # d KL / d mean = mean, and d KL / d log-variance = 0 at a variance of 1.
    np.testing.assert_allclose(gradient["chem"][0][0], [2, 0, 0, 0])
    np.testing.assert_allclose(gradient["inst"][1], 0.0)
