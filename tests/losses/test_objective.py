"""The losses of a batch, their weighted sum and its log."""

from types import SimpleNamespace

import jax
import jaxtyping
import numpy as np
import pytest

from spektron_jax.config import get_default
from spektron_jax.losses import reconstruction
from spektron_jax.losses.balance import balance
from spektron_jax.losses.bottleneck import PARTS, bottleneck
from spektron_jax.losses.contrastive import contrastive
from spektron_jax.losses.objective import (
    NAMES,
    TERMS,
    Outputs,
    combine,
    losses_of,
    weights_of,
)
from spektron_jax.losses.physics import physics
from spektron_jax.losses.transport import transport

B, L, D, Z, N, E = 4, 12, 6, 5, 3, 4


def terms():
    """Per-example values for all terms, a scalar for one; a diagnostic each."""
    return {
        name: (
            np.float32(i) if name == "transport" else np.array([i, i + 2], np.float32),
            {"part": 10.0 * i},
        )
        for i, name in enumerate(TERMS)
    }


WEIGHTS = {name: 0.5**i for i, name in enumerate(TERMS)}


def test_seven_losses_and_the_four_parts_of_one():
    assert len(NAMES) == len(set(NAMES)) == 7
    assert set(TERMS) == set(NAMES) - {"bottleneck"} | set(PARTS)
    assert len(TERMS) == 10


def test_weights_of_the_terms():
    losses = get_default().losses
    losses.update(dict.fromkeys(NAMES, 0.5) | {"bottleneck": 0.2, "swap": 3.0})
    assert weights_of(losses, 0.01) == pytest.approx(
        {name: 0.5 for name in NAMES if name != "bottleneck"}
        | {"kl": 0.002, "adversary": 0.2, "instrument": 0.2, "swap": 0.6}
    )


def test_total_is_the_weighted_sum_of_the_means():
    total, log = combine(terms(), WEIGHTS)
    wanted = 0.0
    for i, name in enumerate(TERMS):
        mean = i if name == "transport" else i + 1
        assert log[f"loss/{name}"] == mean
        np.testing.assert_allclose(log[f"weighted/{name}"], 0.5**i * mean)
        assert log[f"{name}/part"] == 10.0 * i
        wanted += 0.5**i * mean
    np.testing.assert_allclose(total, wanted, rtol=1e-6)
    assert log["loss/total"] == total
    parts = sum(log[f"weighted/{name}"] for name in PARTS)
    np.testing.assert_allclose(log["weighted/bottleneck"], parts)
    assert len(log) == 3 * 10 + 2


def test_a_missing_loss_is_an_error():
    some = terms()
    del some["physics"]
    with pytest.raises(KeyError, match="physics"):
        combine(some, WEIGHTS)


def test_every_loss_pulls_with_its_weight():
    def loss(values):
        return combine({n: (values[n], {}) for n in TERMS}, WEIGHTS)[0]

    gradient = jax.grad(loss)({name: np.ones(4, np.float32) for name in TERMS})
    for name in TERMS:
        np.testing.assert_allclose(gradient[name], WEIGHTS[name] / 4)


# The losses of planted arrays


@pytest.fixture(scope="module")
def planted():
    """Outputs and inputs of a batch of 4: 4 rows of each view, and 2 mixtures."""
    rng = np.random.default_rng(0)

    def normal(*shape):
        return rng.normal(size=shape).astype(np.float32)

    rows = 2 * B + B // 2
    outputs = Outputs(
        spectra=normal(rows, L, 2),
        swapped=normal(2 * B, L),
        prediction=normal(2 * B, D),
        target=normal(2 * B, D),
        chem=(normal(2 * B, Z), normal(2 * B, Z)),
        inst=(normal(2 * B, Z - 1), normal(2 * B, Z - 1)),
        chem_logits=normal(2 * B, N),
        inst_logits=normal(2 * B, N),
        clouds=(normal(B, Z), normal(B, Z)),
        load=abs(normal(E)),
        importance=abs(normal(E)),
    )
    inputs = SimpleNamespace(
        values=normal(rows, L),
        hidden=rng.uniform(size=(rows, L)) < 0.3,
        clean=normal(B, L),
        share=rng.uniform(size=B // 2).astype(np.float32),
        instrument=np.array([2, 0]),
    )
    return outputs, inputs


def of_one_by_one(out, seen):
    """The same losses from functions of their own, row by row of the layout."""
    a, b, mixed = slice(0, B), slice(B, 2 * B), slice(2 * B, None)
    both = slice(0, 2 * B)
    measured, clean = out.spectra[..., 0], out.spectra[..., 1]
    everywhere = np.ones((2 * B, L), bool)
    label = np.array([2] * B + [0] * B)
    return {
        "reconstruction": reconstruction.reconstruction(
            measured[both], seen.values[both], seen.hidden[both]
        ),
        "contrastive": contrastive(
            out.prediction[a], out.prediction[b], out.target[a], out.target[b]
        ),
        "denoising": reconstruction.denoising(
            clean[both], np.concatenate([seen.clean, seen.clean]), ~seen.hidden[both]
        ),
        "physics": physics(
            clean[a], everywhere[a], clean[mixed], seen.share, ~seen.hidden[mixed]
        ),
        "transport": transport(*out.clouds, 1.0),
        "balance": balance(out.load, out.importance),
        **bottleneck(
            out.chem,
            out.inst,
            out.chem_logits,
            out.inst_logits,
            label,
            out.swapped,
            seen.values[both],
            everywhere,
        ),
    }


def test_losses_of_planted_arrays_are_the_single_losses(planted):
    found = losses_of(*planted, epsilon=1.0)
    expected = of_one_by_one(*planted)
    assert set(found) == set(expected) == set(TERMS)
    for name in TERMS:
        assert found[name][1].keys() == expected[name][1].keys()
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6),
            found[name],
            expected[name],
        )


@pytest.mark.parametrize(
    "name, field",
    [
        ("reconstruction", "spectra"),
        ("contrastive", "prediction"),
        ("contrastive", "target"),
        ("transport", "clouds"),
        ("adversary", "chem_logits"),
        ("instrument", "inst_logits"),
        ("swap", "swapped"),
        ("kl", "chem"),
        ("kl", "inst"),
        ("balance", "importance"),
    ],
)
def test_a_loss_reads_what_is_meant_for_it(planted, name, field):
    outputs, inputs = planted
    moved = outputs._replace(
        **{field: jax.tree.map(lambda x: 2 * x + 1, getattr(outputs, field))}
    )
    before, after = (losses_of(out, inputs, epsilon=1.0) for out in (outputs, moved))
    changed = {n for n in TERMS if not np.array_equal(before[n][0], after[n][0])}
    assert name in changed
    expected = {"reconstruction", "denoising", "physics"}
    assert changed == (expected if field == "spectra" else {name})


def test_a_wrong_shape_is_refused(planted):
    outputs, inputs = planted
    flat = outputs._replace(spectra=outputs.spectra[..., 0])
    with pytest.raises(AssertionError, match="shape"):
        losses_of(flat, inputs, epsilon=1.0)
    spectra, turned = np.ones((2, 3), np.float32), np.ones((3, 2), bool)
    with pytest.raises(jaxtyping.TypeCheckError, match="hidden"):
        reconstruction.reconstruction(spectra, spectra, turned)
