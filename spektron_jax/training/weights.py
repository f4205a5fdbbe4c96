"""Where weights lie: by the name of those that ship, or by a path."""

from pathlib import Path

from spektron_jax.errors import SpektronError

SHIPPED = Path(__file__).parents[1] / "weights"


def locate(weights):
    """The folder of shipped weights, or of a run, checkpoint or export.

    Raises:
      SpektronError: there is none; lists the names that ship.
    """
    shipped = SHIPPED / str(weights)
    path = shipped if shipped.is_dir() else Path(weights)
    if not path.is_dir():
        names = sorted(p.parent.name for p in SHIPPED.glob("*/manifest.json"))
        raise SpektronError(
            f"weights {str(weights)!r}: no such folder; give the path of a run or one "
            f"of the shipped weights: {', '.join(names)}"
        )
    return path
