"""Line lists of your own molecules, to pretrain on them or to render their spectra.

    python -m spektron_jax.main --config=configs/lines.py --workdir=lines \\
        --config.lines.path=molecules.smi
    python -m spektron_jax.main --config=configs/pretrain.py --workdir=runs/mine \\
        --config.data.path=lines/lines.h5

`molecules.smi` holds one SMILES a line, with a name after it if you like. The lines
are computed with GFN2-xTB: pip install 'spektron-jax[corpus]'. About a second of one
core for a molecule of 18 atoms. The same command resumes an interrupted run;
molecules left out stand in lines/failures.csv, each with the reason.

    --config.lines.source=qm9s_csv --config.lines.path=qm9s_csv.zip

takes the lines from the per-molecule files of QM9S (B3LYP) instead.

A long list is computed in shares, such as by a job array, and joined:

    --config.lines.path=molecules.smi --config.lines.shard=3/16 --workdir=lines/3
    --config.lines.source=shards --config.lines.path=lines --workdir=lines
"""

from ml_collections import ConfigDict

from spektron_jax.errors import SpektronError


def get_config(arg: str = "") -> ConfigDict:
    """Return the settings; there are no variants."""
    if arg:
        raise SpektronError(f"configs/lines.py:{arg}: there are no variants")
    lines = {
        "source": "smiles",  # or qm9s_csv; or shards, to join them
        "shard": "",  # such as 3/16: every 16th molecule from the third on
        "path": "",
        "processes": 0,  # 0 = one for each core
        "timeout_s": 600.0,  # for one molecule
        "seed": 42,  # of the starting geometries
        "conformers": 10,  # of which the one of lowest MMFF94 energy is taken
        "max_atoms": 80,
        "elements": "H C N O F P S Cl",  # as in the shipped corpus
        "use_xtb": True,  # optimise with the program xtb first, where there is one
        "refine": True,  # and further after it; the shipped corpus was not
        "retry": False,  # compute those again that failed in an earlier run
        "progress": True,
    }
    return ConfigDict({"task": "lines", "lines": lines})
