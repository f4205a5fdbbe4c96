"""Disentanglement audit: does z_chem hold the chemistry and nothing of the instrument?

    python -m spektron_jax.main --config=configs/latent.py --workdir=OUT
    python -m spektron_jax.main --config=configs/latent.py --workdir=OUT \\
        --config.weights=runs/nano

4 instruments that no training pool holds, the same 200 test molecules on each, 3 seeds
of both; every modality that the weights were trained on, and all together. CPU, nano:
about 10 minutes; `--config.molecules=40 "--config.seeds=(0,)"` takes half a minute.
Writes report.html, results.json and results.npz. The first line on standard output is
the verdict, by the first row of this table that holds:

| verdict | when |
|---|---|
| collapsed | more than 30 % of the z_chem dimensions have a KL below 0.01 nats |
| leaking | the accuracy of a probe on z_chem, linear or MLP, is above chance + 5 points and above the 97.5 % point of chance |
| collapsed | top-1 retrieval of the molecule across instruments, by nearest neighbour in z_chem, is below 80 % |
| collapsed | the effective rank of z_chem is below 4 directions |
| disentangled | none of these |

Probes and retrieval are judged in each modality and in all together; one is enough.
Probe folds are by molecule. Fewer molecules tell less: with 40, a probe must reach 40 %
before it counts as a leak.
"""  # noqa: E501 (a table cannot be wrapped)

from ml_collections import ConfigDict

from spektron_jax.errors import SpektronError


def get_config(arg: str = "") -> ConfigDict:
    """Return the settings; there are no variants."""
    if arg:
        raise SpektronError(f"configs/latent.py:{arg}: there are no variants")
    return ConfigDict(
        {
            "task": "latent",
            "weights": "nano",  # name, or path of a run or of weights
            "path": "",  # of the molecules, if not where the weights' settings say
            "molecules": 200,
            "seeds": (0, 1, 2),  # of molecules, instruments and noise
            "progress": True,
        }
    )
