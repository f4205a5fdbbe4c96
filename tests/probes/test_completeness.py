"""R(G, N) against group theory, for molecules whose symmetry is known."""

import numpy as np
import pytest

from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.probes.completeness import TEXTBOOK, VISIBLE, completeness

LIMIT = "C1CCCCC1"


@pytest.fixture(scope="module")
def corpus():
    return LineCorpus.load()


def counted(corpus, **settings):
    return completeness(
        corpus.ir_intensity_km_mol,
        corpus.raman_activity,
        corpus.line_offset,
        corpus.modes,
        **settings,
    )


def test_known_molecules_come_out_as_their_symmetry_says(corpus):
    known = {smiles: row[2:] for smiles, row in TEXTBOOK.items() if smiles != LIMIT}
    found = np.stack(counted(corpus), axis=1)[corpus.rows_of(known)]
    np.testing.assert_array_equal(found, list(known.values()))


def test_cyclohexane_shows_the_limit_of_a_threshold(corpus):
    """43 of 48 by symmetry; the geometry of its lines keeps D3d to 1e-5 only."""
    row = corpus.rows_of([LIMIT])
    assert counted(corpus).either[row] == 44
    assert counted(corpus, threshold=2e-5).either[row] == 43


def test_molecules_that_did_not_choose_the_threshold(corpus):
    """C3v: 7 a1 + 4 a2 + 11 e. Oh: 15 of 42 silent. D2h: 2 a_u of 24."""
    known = {"CP(C)C": 29, "C12C3C4C1C1C2C3C41": 27, "N#CC(C#N)=C(C#N)C#N": 22}
    found = counted(corpus).either[corpus.rows_of(known)]
    assert found[0] == known["CP(C)C"]
    assert np.abs(found - list(known.values())).max() <= 2


def test_modes_are_those_of_the_atoms(corpus):
    linear = corpus.modes == 3 * corpus.natoms - 5
    assert np.all(linear | (corpus.modes == 3 * corpus.natoms - 6))
    assert linear[corpus.rows_of(["C#C", "N#N", "N#CF"])].all()
    assert not linear[corpus.rows_of(["O", "C=C"])].any()


def test_an_instrument_sees_less_than_symmetry_permits(corpus):
    allowed, visible = counted(corpus), counted(corpus, threshold=VISIBLE)
    assert np.all(visible.either <= allowed.either)
    assert np.all(allowed.ratio <= 1)
    inside = (corpus.position_cm1 >= 500) & (corpus.position_cm1 <= 4000)
    ranged = counted(corpus, inside=inside)
    assert np.all(ranged.either <= allowed.either)
    assert ranged.either.sum() < allowed.either.sum()


def test_counts_by_hand():
    found = completeness(
        ir=[10.0, 0.05, 0.2, 0.0, 7e-7],
        raman=[0.0, 0.0, 100.0, 2.0, 0.5],
        offset=[0, 4, 5],
        modes=[5, 1],
        threshold=1e-2,
    )
    assert [column.tolist() for column in found] == [
        [5, 1],
        [2, 0],
        [2, 1],
        [3, 1],
        [1, 0],
    ]
    np.testing.assert_allclose(found.ratio, [0.6, 1.0])


def test_bad_arrays_are_refused():
    with pytest.raises(ValueError, match="offset"):
        completeness([1.0], [1.0, 2.0], [0, 1], [1])
    with pytest.raises(ValueError, match="threshold"):
        completeness([1.0], [1.0], [0, 1], [1], threshold=1.0)
