"""What a calibration transfer found, as numbers: results.json, verdict and page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from spektron_jax.transfer.comparison import CEILING, FLOOR, WITHOUT

FEW = 20  # held-out samples: below, an RMSEP is uncertain by a sixth or more

Estimate = Mapping[str, float]  # difference, low, high


@dataclass(frozen=True)
class MethodErrors:
    """Errors of one method on held-out samples; low and high bound the RMSEP."""

    method: str
    rmsep: float
    low: float
    high: float
    bias: float
    sep: float
    r2: float | None
    r2_sd: float | None
    rpd: float | None
    rpiq: float | None
    n: int


@dataclass(frozen=True)
class Compared:
    """All methods on the same splits; no table: nothing was compared.

    Attributes:
      table: least RMSEP first
      ours: which of them is the fitted procedure
      differences: method -> RMSEP of ours minus this method's
      impossible: method -> why it could not be fitted
      agreement: of ours with the source's own calibration, see `metrics.agreement`
      trials: number of splits
      curve: method -> rows of n, rmsep, low, high
      slopes: method -> slope of measured against predicted; None: not defined
      tested: number of different samples that were held out; None: not known
      more_labels: labels that "all target labels" had beyond those of the transfer
      to_come: nothing was compared yet, but it will be
    """

    table: Sequence[MethodErrors] = ()
    ours: str | None = None
    differences: Mapping[str, Estimate] = field(default_factory=dict)
    impossible: Mapping[str, str] = field(default_factory=dict)
    agreement: Estimate | None = None
    trials: int = 0
    curve: Mapping[str, Sequence[Sequence[float]]] = field(default_factory=dict)
    slopes: Mapping[str, float | None] = field(default_factory=dict)
    tested: int | None = None
    more_labels: int | None = None
    to_come: bool = False
    floor: str = FLOOR
    ceiling: str = CEILING
    without: str = WITHOUT

    @property
    def few(self) -> bool:
        """Whether too few samples were held out to rank methods."""
        return self.tested is not None and self.tested < FEW

    def of(self, method: str | None) -> MethodErrors | None:
        """Errors of a method; None: it is not in the table."""
        return next((row for row in self.table if row.method == method), None)


@dataclass(frozen=True)
class Names:
    """Of the instruments and what they measure."""

    source: str
    target: str
    property: str
    property_unit: str
    quantity: str


@dataclass(frozen=True)
class Counts:
    """Samples that the source, the target and the files have."""

    source: int
    target: int
    all: int


@dataclass(frozen=True)
class LeftOut:
    """Cross-validated errors of n labelled target samples.

    Attributes:
      n: of samples
      rmse: after the transfer
      rpd: None: no error
      before: RMSE of the source's calibration as it is; None: not known
    """

    n: int
    rmse: float
    rpd: float | None
    before: float | None = None


@dataclass(frozen=True)
class Summary:
    """What a transfer found; with `Compared` all of results.json."""

    regime: str
    names: Names
    axis_unit: str
    samples: Counts
    network_share: float  # of the encoder in the model
    prior_share: float  # of members with the learned prior
    weights: str | None
    provenance: Mapping[str, object]
    coverage: float
    interval: str  # as from `Intervals.mark`
    warnings: Sequence[str]
    forecast: Mapping[str, str] | None  # level and text
    poor_probability: float | None  # of R2 below 0.5, where no label tells
    left_out: LeftOut | None  # None: fewer than 2 labelled target samples
    failed_checks: Sequence[str] = ()  # of the data, see `checks.NAMES`
    repeatability: float | None = None  # SD of a sample's scans, predicted
    flags: Mapping[str, int] = field(default_factory=dict)  # of target spectra
    labels: int = 0  # labelled target samples in the files
    network_gain: tuple[float, float] | None = None  # of a transfer network, see there
