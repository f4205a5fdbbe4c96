"""Probes must find what is planted and must not find what is absent."""

import numpy as np
import pytest

from spektron_jax.probes.probes import (
    instrument_probe,
    molecule_probe,
    property_probe,
)

MOLECULES, INSTRUMENTS, WIDTH = 60, 4, 16


def _design(rng, shuffle=True):
    """Every molecule on every instrument, rows in random order."""
    molecule = np.repeat(np.arange(MOLECULES), INSTRUMENTS)
    instrument = np.tile(np.arange(INSTRUMENTS), MOLECULES)
    order = rng.permutation(molecule.size) if shuffle else np.arange(molecule.size)
    return molecule[order], instrument[order]


def _molecule_code(rng, molecule, noise=0.1):
    centres = rng.normal(size=(MOLECULES, WIDTH))
    return centres[molecule] + noise * rng.normal(size=(molecule.size, WIDTH))


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_independent_code_stays_inside_the_guessers_interval(kind):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        molecule, instrument = _design(rng)
        z = rng.normal(size=(molecule.size, WIDTH))
        probe = instrument_probe(z, instrument, molecule, seed, kind)
        assert probe["chance"] == 0.25
        assert probe["low"] <= probe["accuracy"] <= probe["high"]


def test_planted_leak_is_found_and_molecules_survive_it():
    rng = np.random.default_rng(0)
    molecule, instrument = _design(rng)
    z = _molecule_code(rng, molecule)
    clean = instrument_probe(z, instrument, molecule)
    assert clean["accuracy"] <= clean["high"]
    z[:, 3] += 2.0 * instrument  # ideal classifier: 0.76
    leaking = instrument_probe(z, instrument, molecule)
    assert leaking["accuracy"] > 0.6 > leaking["high"]
    assert molecule_probe(z, instrument, molecule)["accuracy"] > 0.8


def test_leak_is_found_at_any_scale_of_the_code():
    rng = np.random.default_rng(1)
    molecule, instrument = _design(rng)
    z = 0.01 * rng.normal(size=(molecule.size, WIDTH))
    z[:, 0] = 0.001 * (instrument == 2) + 5.0
    z[:, 1] = 1000 * rng.normal(size=molecule.size)
    assert instrument_probe(z, instrument, molecule)["accuracy"] > 0.45


def test_a_leak_that_no_plane_divides_is_found_by_the_mlp():
    # The product of two signs tells instruments 0 and 1 from 2 and 3.
    rng = np.random.default_rng(6)
    molecule, instrument = _design(rng)
    z = _molecule_code(rng, molecule, noise=1.0)
    z[:, 0] = rng.choice([-2, 2], molecule.size)
    z[:, 1] = z[:, 0] * np.where(instrument < 2, 1, -1)
    z[:, :2] += 0.3 * rng.normal(size=(molecule.size, 2))
    linear = instrument_probe(z, instrument, molecule)
    assert linear["accuracy"] <= linear["high"]
    curved = instrument_probe(z, instrument, molecule, kind="mlp")
    assert curved["accuracy"] > 0.42 > curved["high"]  # 0.5 at best


def test_probe_cannot_profit_from_recognising_molecules():
    # Each molecule on one instrument only: a row-wise split would let the probe read
    # the instrument from the molecule. Split by molecule it must guess.
    rng = np.random.default_rng(2)
    molecule = np.repeat(np.arange(MOLECULES), INSTRUMENTS)
    instrument = rng.permutation(MOLECULES)[molecule] % INSTRUMENTS
    probe = instrument_probe(_molecule_code(rng, molecule), instrument, molecule)
    assert probe["accuracy"] <= probe["high"]


def test_interval_counts_molecules_not_spectra():
    rng = np.random.default_rng(3)
    molecule, instrument = _design(rng)
    probe = instrument_probe(_molecule_code(rng, molecule), instrument, molecule)
    half_width = 1.96 * np.sqrt(0.25 * 0.75 / MOLECULES)
    assert probe["high"] - 0.25 == pytest.approx(half_width, abs=1 / MOLECULES)
    assert 0.25 - probe["low"] == pytest.approx(half_width, abs=1 / MOLECULES)


def test_chance_is_the_majority_share_when_unbalanced():
    rng = np.random.default_rng(4)
    molecule = np.arange(100)
    instrument = (molecule < 70).astype(int)
    z = rng.normal(size=(100, 3))
    probe = instrument_probe(z, instrument, molecule)
    assert probe["chance"] == 0.7
    assert probe["low"] < probe["accuracy"] <= probe["high"]


def test_instrument_probe_is_deterministic_per_seed():
    rng = np.random.default_rng(5)
    molecule, instrument = _design(rng)
    z = rng.normal(size=(molecule.size, WIDTH))
    first = instrument_probe(z, instrument, molecule, seed=1)
    assert first == instrument_probe(z, instrument, molecule, seed=1)
    assert all(type(value) is float for value in first.values())


def test_molecule_probe_finds_molecules_across_instruments():
    rng = np.random.default_rng(6)
    molecule, instrument = _design(rng)
    probe = molecule_probe(_molecule_code(rng, molecule), instrument, molecule)
    assert probe["accuracy"] == 1.0
    assert probe["chance"] == pytest.approx(1 / MOLECULES)


def test_instrument_offset_larger_than_molecules_hurts_retrieval():
    # Per-instrument standardising would hide this; the gallery is another instrument.
    rng = np.random.default_rng(7)
    molecule, instrument = _design(rng)
    z = _molecule_code(rng, molecule)
    shift = 4 * rng.normal(size=(INSTRUMENTS, WIDTH))
    probe = molecule_probe(z + shift[instrument], instrument, molecule)
    assert probe["accuracy"] < 0.5


def test_second_measurements_are_found_where_other_instruments_fail():
    rng = np.random.default_rng(13)
    molecule, instrument = _design(rng)
    centres = rng.normal(size=(INSTRUMENTS, MOLECULES, WIDTH))
    once, again = (
        centres[instrument, molecule] + 0.1 * rng.normal(size=(molecule.size, WIDTH))
        for _ in range(2)
    )
    probe = molecule_probe(once, instrument, molecule, again)
    assert probe["same"] == 1.0 and probe["accuracy"] < 0.06
    constant = np.full_like(once, 0.37)
    probe = molecule_probe(constant, instrument, molecule, constant + 1e-9)
    assert probe["same"] == pytest.approx(1 / MOLECULES)


def test_labels_are_predicted_as_far_as_the_instruments_agree():
    rng = np.random.default_rng(14)
    molecule, instrument = _design(rng)
    y = rng.normal(size=(MOLECULES, 2))[molecule]
    z = 0.1 * rng.normal(size=(molecule.size, WIDTH))
    z[:, 3:5] += y
    probe = property_probe(z, instrument, molecule, y)
    assert probe["same"] > 0.95 and probe["cross"] > 0.95
    z[instrument > 1] *= -1  # half of the instruments say the opposite
    probe = property_probe(z, instrument, molecule, y)
    assert probe["same"] > 0.95 and probe["cross"] < 0
    noise = rng.normal(size=z.shape)
    assert property_probe(noise, instrument, molecule, y)["same"] < 0.05


def test_labels_of_a_molecule_cannot_be_learned_from_itself():
    rng = np.random.default_rng(15)
    molecule, instrument = _design(rng)
    y = rng.normal(size=(MOLECULES, 1))[molecule]  # nothing but the name tells it
    z = _molecule_code(rng, molecule, noise=0.0)
    probe = property_probe(z, instrument, molecule, y)
    assert probe["same"] < 0.05 and probe["cross"] < 0.05


def test_independent_code_retrieves_at_chance():
    rng = np.random.default_rng(8)
    molecule, instrument = _design(rng)
    z = rng.normal(size=(molecule.size, WIDTH))
    assert molecule_probe(z, instrument, molecule)["accuracy"] < 0.06


@pytest.mark.parametrize("shuffle", [False, True])
def test_constant_code_scores_chance_in_both_probes(shuffle):
    # Unshuffled, every gallery has the same order: the trap for first-of-ties.
    molecule, instrument = _design(np.random.default_rng(9), shuffle)
    z = np.full((molecule.size, WIDTH), 0.37, np.float32)
    probe = molecule_probe(z, instrument, molecule)
    assert probe["accuracy"] == pytest.approx(1 / MOLECULES)
    assert probe["accuracy"] == pytest.approx(probe["chance"])
    guess = instrument_probe(z, instrument, molecule)
    assert guess["low"] <= guess["accuracy"] <= guess["high"]


def test_code_collapsed_to_rounding_scores_chance():
    # Differences of 1e-8 that name the molecule perfectly are no information.
    rng = np.random.default_rng(10)
    molecule, instrument = _design(rng)
    z = 0.37 + 1e-8 * _molecule_code(rng, molecule)
    probe = molecule_probe(z, instrument, molecule)
    assert probe["accuracy"] == pytest.approx(1 / MOLECULES)


def test_code_collapsed_to_few_values_shares_its_hits():
    # Ten molecules to a value: right one time in ten, whatever the order.
    molecule, instrument = _design(np.random.default_rng(11))
    z = np.repeat((molecule // 10)[:, None], 2, axis=1)
    accuracy = molecule_probe(z, instrument, molecule)["accuracy"]
    assert accuracy == pytest.approx(0.1)


def test_molecules_missing_from_a_gallery_are_not_asked_for():
    rng = np.random.default_rng(12)
    molecule, instrument = _design(rng)
    z = _molecule_code(rng, molecule)
    keep = (instrument != 0) | (molecule < 20)
    probe = molecule_probe(z[keep], instrument[keep], molecule[keep])
    assert probe["accuracy"] == 1.0


def test_wrong_input_is_named():
    z, ones = np.ones((4, 2)), np.ones(4, int)
    with pytest.raises(ValueError, match="z must be"):
        instrument_probe(z, ones[:3], ones)
    with pytest.raises(ValueError, match="finite"):
        molecule_probe(z * np.nan, ones, ones)
    with pytest.raises(ValueError, match="at least 2 instruments"):
        instrument_probe(z, ones, np.arange(4))
    with pytest.raises(ValueError, match="must be linear or mlp"):
        instrument_probe(z, np.arange(4) % 2, np.arange(4), kind="forest")
    with pytest.raises(ValueError, match="no molecule"):
        molecule_probe(z, np.arange(4), np.arange(4))
