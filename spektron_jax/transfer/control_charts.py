"""Charts of a drift monitor: a CUSUM of the bias, and how often a limit is exceeded.

Bias chart: a two-sided CUSUM of standardised bias, reference minus prediction, with
k = 1/2 and h = 4.5 (Montgomery, Introduction to Statistical Quality Control, ch. 9),
which without drift goes beyond h once in about 280 controls, and of the EWMA and CUSUM
charts tried finds a shift of one SD soonest. The SEP is that of the left-out errors; a
few of them tell SD and mean only roughly, so each bias is compared with Student's
distribution of what is known by then, and controls count too (self-starting CUSUM:
Hawkins, The Statistician 36 (1987) 299): with n left-out errors of mean square s^2
about a mean of 0 as a start,

    u = (b - mean) / (s sqrt(1/m + 1/N)),  z = the normal quantile of t(u; degrees)

for the mean b of m samples; N and the degrees of freedom grow from n. Without drift z
is standard normal whatever n is, so that fewer errors cost power, not false alarms.
Beyond h nothing more is learned: the chart does not get used to a drift it has found.

Spectra: T2 and Q over their limits. Where the target is known from T spectra that set
the limits, one new spectrum in T + 1 exceeds them, and more where the T were alike. So
the last 6 controls are compared with what came before them: an alarm where as many
beyond a limit would have a probability below 0.0005 (beta-binomial), or one Q ninefold.

m = samples of one control.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special

ALLOWANCE, LIMIT = 0.5, 4.5  # k and h, in SDs
GROSS = 4.0  # SDs; more counts as this, so that one slip is not called a drift
MIN_DEGREES = 2  # of freedom, before a bias can be judged
WINDOW, RARE = 6, 5e-4  # controls in a row, and the probability that is an alarm


@dataclass
class Bias:
    """The self-starting CUSUM; see the header.

    Attributes:
      count, degrees: N and degrees of freedom
      mean, squares: of what is known of the bias, sum of squares
      high, low: the sums for a bias above and below 0
      z: the last standardised bias, GROSS at most; NaN: not judged yet
    """

    count: float
    degrees: float
    squares: float
    mean: float = 0.0
    high: float = 0.0
    low: float = 0.0
    z: float = math.nan

    def add(self, bias: float, m: int) -> None:
        """Judge a control, then learn from it."""
        spread = 1 / m + (1 / self.count if self.count else 0.0)
        off = (bias - self.mean) / math.sqrt(spread)
        self.z = math.nan
        if self.count and self.degrees >= MIN_DEGREES and self.squares > 0:
            t = off / math.sqrt(self.squares / self.degrees)
            size = -float(special.ndtri(special.stdtr(self.degrees, -abs(t))))
            self.z = math.copysign(min(size, GROSS), t)
            self.high = max(0.0, self.high + self.z - ALLOWANCE)
            self.low = max(0.0, self.low - self.z - ALLOWANCE)
        if self.worst <= LIMIT:
            if self.count:
                self.degrees, self.squares = self.degrees + 1, self.squares + off**2
            self.mean += (bias - self.mean) * m / (self.count + m)
            self.count += m

    @property
    def worst(self) -> float:
        """The larger sum."""
        return max(self.high, self.low)


@dataclass(frozen=True)
class Beyond:
    """How often a limit is exceeded: see the header.

    Attributes:
      count, times: earlier spectra, and how many of them were beyond the limit
      last: the last controls, at most WINDOW
    """

    count: int
    times: int = 0
    last: tuple[bool, ...] = ()

    def after(self, beyond: bool) -> "Beyond":
        """With one more control; after an alarm it is the earlier ones that stay."""
        last, count, times = (*self.last, beyond), self.count, self.times
        if len(last) > WINDOW:
            if not self.alarm:
                count, times = count + 1, times + last[0]
            last = last[1:]
        return Beyond(count, times, last)

    @property
    def alarm(self) -> bool:
        """Whether the last controls are beyond the limit too often for chance."""
        return _chance(sum(self.last), len(self.last), self.times, self.count) < RARE


@lru_cache(maxsize=4096)
def _chance(beyond: int, last: int, times: int, count: int) -> float:
    """Probability of so many or more beyond a limit among the last ones."""
    if not beyond:
        return 1.0
    k, a, b = np.arange(beyond, last + 1), 1 + times, max(count - times, 1)
    logs = special.betaln(a + k, b + last - k) - special.betaln(a, b)
    return float(np.sum(special.comb(last, k) * np.exp(logs)))
