"""What more labelled samples are expected to give.

From n to N labelled target samples the error changes by

    ln e(N) - ln e(n) = -RATE l + (LOW ... HIGH) sqrt(l),        l = ln(N / n)

RATE is the mean, LOW and HIGH are the 5 % and 95 % quantiles, of transfers with 5 to 25
samples of the open semi-real sets (`benchmarks/more_labels.py`, which also says how
often the errors of other sets lie within). How fast the error of one transfer falls is
not foretold by its own error, nor by the weights of its members, nor by fits on half of
its samples: with any of these the curve was no better on other sets. So it is the same
for every fit, and starts at the error of its left-out samples.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from spektron_jax.errors import InputError

RATE, LOW, HIGH = 0.114, -0.434, 0.251
FEWEST = 5  # labelled samples from which it was tried
FURTHEST = 5  # times as many


class ExpectedError(NamedTuple):
    """What n labelled samples are expected to give.

    Attributes:
      n: labelled target samples in all
      error: expected root mean squared error, in the unit of the property
      low, high: nine of ten transfers lie between
    """

    n: int
    error: float
    low: float
    high: float


def expected(errors: np.ndarray, more: Iterable[int]) -> list[ExpectedError]:
    """The curve, from the samples that there are on.

    Args:
      errors: of labelled target samples, each by a fit without it        (n,)
      more: numbers of samples to add

    Raises:
      SpektronError: too few samples, or numbers too large to tell.
    """
    n, added = errors.size, [int(each) for each in more]
    if n < FEWEST:
        has = (
            f"the fit has {n}"
            if n
            else "and no error is known to start at: there is no label, a single one, "
            "or all are equal"
        )
        raise InputError(
            f"expected_errors: needs {FEWEST} labelled target samples or more, {has}"
        )
    most = (FURTHEST - 1) * n
    if not added or min(added) < 1 or max(added) > most:
        raise InputError(f"more = {added}: give numbers from 1 to {most}")
    rmse = float(np.sqrt(np.mean(errors**2)))
    found = [ExpectedError(n, rmse, rmse, rmse)]
    for each in sorted(added):
        far = np.log1p(each / n)
        factors = np.exp(-RATE * far + np.array([0.0, LOW, HIGH]) * np.sqrt(far))
        found.append(ExpectedError(n + each, *(float(rmse * f) for f in factors)))
    return found
