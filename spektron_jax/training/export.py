"""Weights for shipping from a finished run: parameters, settings, checksums, figures.

    python -m spektron_jax.training.export WORKDIR FOLDER

FOLDER receives the parameters of WORKDIR's newest good checkpoint in the form that
`load_encoder` reads, and the evaluation of the run beside them as evaluation.json.
"""

import shutil
import sys
from pathlib import Path

from spektron_jax.errors import SpektronError
from spektron_jax.training import checkpoint


def export(workdir, folder):
    """Write the weights folder; returns its path."""
    workdir = Path(workdir)
    evaluation = workdir / "evaluation.json"
    if not evaluation.is_file():
        raise SpektronError(
            f"{workdir}: has no evaluation.json; finish the run before exporting it"
        )
    params, config = checkpoint.restore_params(workdir)
    folder = checkpoint.save_params(folder, params, config)
    shutil.copy(evaluation, folder / "evaluation.json")
    return folder


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m spektron_jax.training.export WORKDIR FOLDER")
    try:
        print(export(*sys.argv[1:]))
    except SpektronError as error:
        sys.exit(f"error: {error}")
