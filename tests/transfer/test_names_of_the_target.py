"""Properties that only the labels of the target name."""

import numpy as np
import pandas as pd
import pytest

from spektron_jax.transfer.several import columns

Y = np.arange(12.0).reshape(4, 3)
TABLE = pd.DataFrame(Y[:2] + 1, columns=["c", "a", "b"])


@pytest.mark.parametrize("source", [Y, Y.tolist(), pd.DataFrame(Y)])
@pytest.mark.parametrize("target", [TABLE, {n: TABLE[n].to_numpy() for n in TABLE}])
def test_the_columns_of_the_source_are_in_the_order_of_the_targets(source, target):
    """Catches: refused, for the source has no names to compare."""
    found = columns(source, target, None)
    assert found.names == ("c", "a", "b")
    np.testing.assert_array_equal(found.source, Y)
    np.testing.assert_array_equal(found.target, TABLE)


def test_labels_that_nobody_names_are_numbered():
    for target in (None, Y, pd.DataFrame(Y)):
        assert columns(Y, target, None).names[0] == "property 1"
