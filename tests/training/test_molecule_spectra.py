"""Spectra of test molecules, as weights are shown them."""

import numpy as np

from spektron_jax.training.molecule_spectra import molecule_spectra


def test_molecules_are_few_alike_and_repeatable(micro):
    spectra, axis = molecule_spectra(micro(), "IR", 3, seed=0)
    assert spectra.shape == (3, axis.size) and np.isfinite(spectra).all()
    again, _ = molecule_spectra(micro(), "IR", 3, seed=0)
    np.testing.assert_array_equal(again, spectra)
    other, _ = molecule_spectra(micro(), "IR", 3, seed=0, instrument=1)
    assert not np.allclose(other, spectra, rtol=1e-3)
    # Another instrument, the same molecules: each is nearest to itself.
    alike = np.corrcoef(np.concatenate([spectra, other]))[:3, 3:]
    np.testing.assert_array_equal(alike.argmax(axis=1), range(3))


def test_weights_trained_on_a_grid_see_the_same_molecules(micro):
    spectra, _ = molecule_spectra(micro(), "Raman", 2, seed=1)
    config = micro()
    config.data.kind = "qm9s"
    gridded, _ = molecule_spectra(config, "Raman", 2, seed=1)
    np.testing.assert_array_equal(gridded, spectra)
