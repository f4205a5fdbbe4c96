"""Deployment checklist: may these weights be used? Exit code 0 only if all lines pass.

    python -m spektron_jax.main --config=configs/checklist.py --workdir=OUT \\
        --config.weights=runs/nano

| line | wanted |
|---|---|
| checksums, settings, version | files as written, settings valid, written by this version or an older one |
| other against same instrument | molecule accuracy falls by 5 points at most; more is incomplete disentanglement |
| instrument probe on z_chem | as in configs/latent.py: chance + 5 points, or the upper end of chance, at most |
| top-1 retrieval of the molecule | 80 % or more across instruments |
| collapsed dimensions of z_chem | less than 30 % |
| effective rank of z_chem | 4 directions or more |
| molecule, by test-time training | accuracy falls by 1 point at most when 10 unlabelled spectra adapt the encoder |
| throughput here | `least_spectra_per_s` or more |

Each is the worst modality's figure. Prints pass or FAIL with the figure, and writes
checklist.json and the audit's report.html. CPU, nano: some 10 minutes.
"""  # noqa: E501 (a table cannot be wrapped)

from ml_collections import ConfigDict

from spektron_jax.errors import SpektronError


def get_config(arg: str = "") -> ConfigDict:
    """Return the settings; there are no variants."""
    if arg:
        raise SpektronError(f"configs/checklist.py:{arg}: there are no variants")
    return ConfigDict(
        {
            "task": "checklist",
            "weights": "nano",  # name, or path of a run or of weights
            "path": "",  # of the molecules, if not where the weights' settings say
            "molecules": 200,
            "seeds": (0, 1, 2),
            "least_spectra_per_s": 1.0,
            "progress": True,
        }
    )
