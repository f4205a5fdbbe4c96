"""What a transfer costs: both instruments from a seed, every procedure, the table."""

import numpy as np

from benchmarks import cost_tables, transfer_cost
from benchmarks.transfer_cost import PROCEDURES, TINY, Size, draw


def test_instruments_are_those_of_the_seed_and_differ():
    size = Size(20, 50, 4, unlabelled=7)
    data, again, other = draw(size), draw(size), draw(size, seed=1)
    np.testing.assert_array_equal(data.X_target, again.X_target)
    assert not np.allclose(data.X_target, other.X_target)
    assert data.X_source.shape == (20, 50) and data.X_target.shape == (11, 50)
    assert data.paired.tolist() == [0, 1, 2, 3] + [-1] * 7
    pairs = np.corrcoef(np.vstack([data.X_source[:4], data.X_target[:4]]))
    assert (np.diag(pairs[:4, 4:]) > 0.9).all()
    assert np.abs(data.X_target[:4] - data.X_source[:4]).mean() > 1e-3


def test_every_procedure_is_measured(monkeypatch):
    monkeypatch.setattr(transfer_cost, "ONES", 2)
    monkeypatch.setattr(transfer_cost, "MOST_FITS", 1)
    found = {name: transfer_cost.measure(name, TINY, many=100) for name in PROCEDURES}
    for row in found.values():
        assert all(value >= 0 for value in row.values())
        assert row["peak_MB"] >= row["before_MB"] > 10
    rows = [
        TINY._asdict() | found,
        Size(30, 60, 0, 9)._asdict() | found | {"PDS": None},
    ]
    table = cost_tables.transfer_rows(rows).splitlines()
    assert table[2].startswith("| 30 x 60, 6 pairs | ") and len(table) == 4
    assert table[3].startswith("| 30 x 60, 9 unlabelled | ") and " | - | " in table[3]
