"""Settings of test-time training. No JAX here: it is loaded when something is adapted.

K = unlabelled target spectra.
"""

from dataclasses import dataclass

from spektron_jax.errors import SpektronError


@dataclass(frozen=True)
class Adaptation:
    """Test-time training as the design has it; see `test_time.adapt`.

    The target spectra are used without labels, those that intervals are calibrated on
    among them.

    Attributes:
      spectra: K, target spectra at most, the first ones
      steps: of Adam; 0 changes nothing
      rate: learning rate
      share: of the points that is hidden
      lora: rank of adapters on attention and backbone, which then move too; 0: none
      seed: of masks and adapters

    Examples:
      >>> from spektron_jax import Adaptation, CalibrationTransfer
      >>> ct = CalibrationTransfer(adaptation=Adaptation(steps=3, lora=4))
      >>> ct.adaptation.steps
      3
    """

    spectra: int = 10
    steps: int = 3
    rate: float = 1e-5
    share: float = 0.35
    lora: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        counts = self.spectra >= 1 and self.steps >= 0 and self.lora >= 0
        if not (counts and self.rate > 0 and 0 < self.share < 1):
            raise SpektronError(
                f"{self}: give spectra >= 1, steps >= 0, a rate above 0, a share "
                "between 0 and 1 and a rank (lora) >= 0"
            )
