"""Sizes of differences by marginal likelihood, against plain re-computation."""

import numpy as np
from scipy.stats import multivariate_normal

from benchmarks import difference_prior as prior
from spektron_jax.transfer import priors


def planted(rng, sizes, points=90):
    """Differences that were drawn with these sizes of the kinds."""
    t = np.linspace(-1, 1, points)
    found = []
    for _ in range(12):
        A = np.exp(-((t - rng.uniform(-0.5, 0.5)) ** 2) / 0.1) + rng.uniform(0.9, 1.1)
        rows = priors.difference_terms(A)
        scale = sizes[prior.kinds_of_terms()]
        d = (rng.normal(size=len(rows)) * scale) @ rows
        found.append(prior.difference(np.stack([A, A]), np.stack([A + d, A + d])))
    return found


def test_kinds_count_all_terms():
    kinds = prior.kinds_of_terms()
    assert kinds.size == len(priors.difference_terms(np.linspace(1, 2, 50)))
    assert set(kinds) == set(range(len(prior.KINDS)))


def test_loss_is_the_normal_density_and_has_its_gradient():
    rng = np.random.default_rng(0)
    found = planted(rng, np.ones(len(prior.KINDS)))[:2]
    logs = 0.3 * rng.normal(size=len(prior.KINDS))
    expected = 0.0
    for one in found:
        rows = one.terms * np.exp(logs)[prior.kinds_of_terms(), None]
        noise = prior.NOISE**2 * np.eye(prior.POINTS)
        densities = [
            multivariate_normal(np.zeros(prior.POINTS), s * rows.T @ rows + noise)
            for s in prior.DIFFERENCE_SIZES
        ]
        constant = prior.POINTS / 2 * np.log(2 * np.pi)
        logs_of = [density.logpdf(one.mean) + constant for density in densities]
        expected -= np.logaddexp.reduce(logs_of)
    expected /= len(found) * prior.POINTS
    expected += prior.SHRINKAGE * np.sum(logs**2)
    value, gradient = prior.loss(logs, found)
    assert abs(value - expected) < 1e-6
    step = 1e-3 * np.eye(logs.size)
    numeric = [
        (prior.loss(logs + e, found)[0] - prior.loss(logs - e, found)[0]) / 2e-3
        for e in step
    ]
    np.testing.assert_allclose(gradient, numeric, atol=1e-5)


def test_a_planted_size_is_found_again():
    sizes = np.ones(len(prior.KINDS))
    gain = prior.KINDS.index("gain")
    sizes[gain] = 30.0
    logs = prior.fitted(planted(np.random.default_rng(1), sizes))
    assert np.argmax(logs) == gain and logs[gain] - np.median(logs) > 1.5
