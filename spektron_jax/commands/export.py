"""The task "export": a saved model as one file that predicts without Python."""

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from spektron_jax.commands.predict import model_folder, of_property
from spektron_jax.config import FRACTION, check_fields
from spektron_jax.errors import SpektronError
from spektron_jax.transfer.estimator import CalibrationTransfer
from spektron_jax.transfer.export.writing import ENDINGS, format_of

RULES = {"coverage": FRACTION}


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that is missing or cannot work."""
    if not config.model:
        raise SpektronError("config.model: give the model folder of a transfer")
    check_fields(config, RULES)
    format_of(Path(config.out), config.format or None)


def run(config: ConfigDict, workdir: Path) -> dict[str, Any]:
    """Write the file and say where it is."""
    out = config.out and Path(config.out)
    if not out:
        out = workdir / f"calibration{ENDINGS[format_of(Path(), config.format)]}"
    given = config.format or None, config.coverage, config.adapter, config.property
    path = export(model_folder(config.model), out, *given)
    print(f"written: {path}")
    return {"written": {"export": str(path)}}


def export(
    model: str | Path,
    out: str | Path,
    format: str | None = None,
    coverage: float = 0.9,
    adapter: str | Path = "",
    property: str = "",
) -> Path:
    """Export a model folder; see `CalibrationTransfer.export`.

    Args:
      model: a folder that `save` wrote
      out: the file to write
      format: of it; None: by the ending of `out`
      coverage: of the intervals
      adapter: of another target instrument, a file of `save_adapter`; "": none
      property: which one, of a model of several; "": all

    Raises:
      SpektronError: the model, the format or the file cannot be used.
    """
    ct = CalibrationTransfer.load(model)
    if adapter:
        ct.switch(adapter)
    if property:
        ct = of_property(ct, property, "config.property")
    return ct.export(out, format, coverage)
