"""Which choices matter: short pretraining runs of equal CPU time, and one table.

    python -m spektron_jax.main --config=configs/ablate.py:methods --workdir=runs/methods

| argument | question |
|---|---|
| methods (default) | does the bottleneck split with its adversary do better than the baselines? |
| weight | how much weight should the bottleneck loss have? |
| kl | how much the KL alone? (the sweep of the documents) |
| losses | what does each loss do, when it is left out? |
| laboratory | four instruments or hundreds; with or without NIR? |
| size | how wide, how deep? |

`--config.cpu_minutes=5` is each run's training time, all cores added up;
`--config.repeats=3` adds seeds; `--config.pretrain.model.width=48` changes all runs
alike; `--config.pretrain.train.start=nano` starts all from weights. The table is
written to ablation.md, anew after every run; the same command goes on after a stop.
Settings are judged on validation molecules, so a choice made here is not made on test
molecules. Top-1 retrieval of the molecule across instruments decides, never the
training loss.
"""  # noqa: E501 (a table cannot be wrapped)

from ml_collections import ConfigDict

from spektron_jax.commands import config_file
from spektron_jax.errors import SpektronError

IR_RAMAN = {"data": {"modalities": ("IR", "Raman")}}
PURE = {"mixtures": 0.0, "powders": 0.0, "fluorescence": 0.0}
VARIANTS = {
    "methods": {
        "split": {},
        "no-adversary": {"losses": {"adversary": "none"}},
        "dann-whole": {"losses": {"adversary": "all"}},
        "mmd": {"losses": {"adversary": "none", "alignment": "mmd"}},
        "coral": {"losses": {"adversary": "none", "alignment": "coral"}},
        "beta-fixed": {"losses": {"beta_schedule": "constant"}},
        "beta-cyclical": {"losses": {"beta_schedule": "cyclical"}},
        "reversal-at-once": {"losses": {"reversal_gamma": 1e6}},
    },
    "weight": {
        f"bottleneck-{weight}": {"losses": {"bottleneck": float(weight)}}
        for weight in ("1e-4", "1e-3", "1e-2", "1e-1")
    },
    "kl": {
        f"kl-{weight}": {
            "losses": {"beta_schedule": "constant", "beta_end": float(weight) / 0.15}
        }
        for weight in ("1e-4", "1e-3", "1e-2", "1e-1")  # 0.15: of the bottleneck
    },
    "losses": {"all": {}}
    | {
        f"no-{name}": {"losses": {name: 0.0}}
        for name in (
            "reconstruction",
            "contrastive",
            "denoising",
            "physics",
            "transport",
            "bottleneck",
            "balance",
        )
    },
    "size": {
        "nano": {},
        "half-width": {"model": {"width": 48, "oscillators": 24}},
        "twice-width": {"model": {"width": 192, "oscillators": 96}},
        "twice-depth": {"model": {"layers": 4}},
    },
    "laboratory": {
        "hundreds": {},
        "four": {"lab": {"pool": 4}},
        "hundreds-without-nir": IR_RAMAN,
        "pure-molecules": {"lab": PURE},
        "documents-four": {"lab": {"pool": 4, "preset": "documents"} | PURE} | IR_RAMAN,
    },
}


def get_config(arg: str = "") -> ConfigDict:
    """Return the settings of a set of variants; see above."""
    arg = arg or "methods"
    if arg not in VARIANTS:
        names = ", ".join(VARIANTS)
        raise SpektronError(f"configs/ablate.py:{arg}: choose from {names}")
    pretrain = config_file.load("configs/pretrain.py:nano")
    pretrain.eval.split, pretrain.eval.molecules = "validation", 100
    pretrain.train.head_steps = 0  # what the losses do, not what is done about it
    pretrain.log.shares_every_steps = 0
    config = ConfigDict({"task": "ablate", "cpu_minutes": 5.0, "repeats": 1})
    config.pretrain = pretrain
    config.variants = VARIANTS[arg]
    return config.lock()
