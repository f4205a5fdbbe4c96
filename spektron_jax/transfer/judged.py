"""How far a fitted transfer can be trusted: verdict, errors, applicability domain.

m = new spectra, q = their points, n = labelled target samples.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.applicability import Applicability
from spektron_jax.transfer.comparison import Comparison
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.expected_errors import ExpectedError, expected
from spektron_jax.transfer.intervals import NOT_CALIBRATED, Intervals
from spektron_jax.transfer.several import each, stacked
from spektron_jax.transfer.usefulness import Verdict, verdict


class Judged:
    """Methods of `CalibrationTransfer` that say what its predictions are worth."""

    domain_: Applicability | None
    poor_probability_: float | None
    failed_checks_: list[str]
    comparison_: Comparison | None
    _data: TransferData | None
    _verdict: Verdict | None

    def _aligned(self, X: Any, axis: Any) -> np.ndarray:
        raise NotImplementedError

    def _calibrated(self) -> Intervals:
        raise NotImplementedError

    @each(dict)
    def interval_mark(self, coverage: float = 0.9) -> str:
        """Whether intervals are calibrated and of use; see `Intervals.mark`.

        Not calibrated with bad data, whatever their number: see `failed_checks_`. Nor
        where all target labels are equal: no error of a left-out sample is known then.

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> ct.interval_mark()
          'calibrated'
        """
        mark = self._calibrated().mark(coverage)
        return NOT_CALIBRATED if self.failed_checks_ else mark

    @each(dict)
    def verdict(self) -> Verdict:
        """What the calibration is good for: a label and a sentence; prints as both.

        With `compare=True` also whether the transfer does harm; a model that was loaded
        says what it said when it was saved.

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> ct.verdict().label
          'use this model'
        """
        if self._verdict is None:
            errors, data = self.left_out_errors(), self._data
            assert data is not None
            labels = data.y_target[data.labelled]
            known = self.poor_probability_, self.failed_checks_, self.comparison_
            self._verdict = verdict(errors, labels, *known)
        return self._verdict

    @each(dict)
    def left_out_errors(self) -> np.ndarray:
        """|Error| of each labelled target sample by a fit without it, (n,).

        None, (0,), where labels cannot tell it: a single one, or all equal.

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> ct.left_out_errors().shape
          (10,)
        """
        return self._calibrated().errors

    @each(dict)
    def expected_errors(self, more: Iterable[int] = (5, 10)) -> list[ExpectedError]:
        """What more labelled target samples are expected to give, with intervals.

        Starts at the error of the left-out samples. The curve is the same for every
        fit, since nothing that a fit knows was found to foretell its own: it says what
        to hope for, not whether these samples will help.

        Args:
          more: how many are added to those that there are

        Returns:
          The present state first, then one `ExpectedError` for each number.

        Raises:
          SpektronError: fewer than 5 labelled target samples, or numbers beyond what
            was tried.

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> [(one.n, round(one.error, 2)) for one in ct.expected_errors([5, 20])]
          [(10, 0.11), (15, 0.11), (30, 0.1)]
        """
        return expected(self.left_out_errors(), more)

    @each(stacked)
    def applicability(self, X: Any, axis: Any = None) -> np.ndarray:
        """Flag spectra: in domain, extrapolating, or unlike anything, (m,) or (m, k).

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> sorted(set(ct.applicability(X).tolist()))
          ['extrapolating', 'in domain']
        """
        X = self._aligned(X, axis)
        return self._known_domain().flags(X)

    @each(stacked)
    def distances(self, X: Any, axis: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """T2 and Q of target spectra, each divided by its limit, both (m,) or (m, k).

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> t2, q = ct.distances(X)
          >>> int(((t2 > 1) | (q > 1)).sum())  # beyond a limit
          3
        """
        X, domain = self._aligned(X, axis), self._known_domain()
        t2, q = domain.distances(X)
        return t2 / domain.t2_limit, q / domain.q_limit

    def _known_domain(self) -> Applicability:
        if self.domain_ is None:
            raise SpektronError("applicability: needs 5 source spectra or more")
        return self.domain_
