"""Weights by the name of those that ship or by a path, and their settings."""

from pathlib import Path
from typing import Any

from spektron_jax import archive
from spektron_jax.errors import NetworkMissing, SpektronError, has_network
from spektron_jax.transfer.transfer_network import load_network

# What versions did that did not know these settings yet, where it is no longer done.
FORMER = {
    "losses": {"swap": 5.0, "reversal": 1.0},
    "train": {"head_steps": 0},
}
SHIPPED = Path(__file__).parents[1] / "weights"


def locate(weights: str | Path) -> Path:
    """The folder of shipped weights, or of a run, checkpoint or export.

    Raises:
      SpektronError: there is none; lists the names that ship.
    """
    shipped = SHIPPED / str(weights)
    path = shipped if _is_folder(shipped) else Path(weights)
    if not _is_folder(path):
        names = sorted(p.parent.name for p in SHIPPED.glob("*/manifest.json"))
        raise SpektronError(
            f"weights {str(weights)[:200]!r}: no such folder; give the path of a run "
            f"or one of the shipped weights: {', '.join(names)}"
        )
    return path


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that no file system takes
        return False


def left_out(weights: str | Path) -> bool:
    """Whether shipped weights are to be left out, since JAX is not installed.

    Raises:
      NetworkMissing: other weights, which nobody gives without wanting them.
    """
    if has_network() or load_network(weights):
        return False
    if not _is_folder(SHIPPED / str(weights)):
        raise NetworkMissing(f"weights {str(weights)!r}")
    return True


def checksum(folder: Path) -> str:
    """SHA-256 of the manifest of weights, which holds those of all their files.

    Raises:
      SpektronError: there is no manifest, as in the workdir of a run.
    """
    try:
        return archive.checksum(folder / archive.MANIFEST)
    except OSError as error:
        raise SpektronError(
            f"{folder}: has no manifest.json; export the weights of the run first"
        ) from error


def completed(saved: dict[str, Any]) -> Any:
    """Settings that were saved, by this version or an older one, as a ConfigDict.

    What the older version did not know becomes what it did: FORMER, or the default.

    Raises:
      SpektronError: a setting that this version does not know, or of another type.
    """
    # Here, since weights that are only looked for need no ml_collections.
    from spektron_jax.config import get_default

    config = get_default()
    config.update(FORMER)
    try:
        config.update(saved)
        _refuse_none(config)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = str(error.args[0]).partition(". Other fields")[0]
        raise SpektronError(
            f"saved settings do not fit this version of spektron_jax ({reason}); "
            "update it, or use weights of this version"
        ) from error
    return config


def _refuse_none(settings: Any, prefix: str = "") -> None:
    """A ConfigDict takes None in place of any type; no setting here is None."""
    for name, value in settings.items():
        if value is None:
            raise TypeError(f"'{prefix}{name}' is None")
        if hasattr(value, "items"):
            _refuse_none(value, f"{prefix}{name}.")
