"""What the best linear code leaves of spectra."""

import numpy as np
import pytest

from benchmarks import swap_bound


def test_what_is_left_is_the_variance_of_the_components_that_are_not_kept():
    rng = np.random.default_rng(0)
    scale = np.array([8.0, 4.0, 2.0, 1.0])
    known, asked = (5 + rng.normal(size=(4000, 4)) * scale for _ in range(2))
    # A variance of 4,000 draws has a standard error of 2 %: 10 % is more than four.
    for kept in range(4):
        rest = (scale[kept:] ** 2).sum() / 4
        assert swap_bound.left(known, asked, kept) == pytest.approx(rest, rel=0.1)
    assert swap_bound.left(known, asked, 4) < 1e-20
