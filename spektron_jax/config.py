"""The settings of every task: default values and their validation.

`DEFAULTS` is the only place that lists the settings; the files in `configs/` take
`get_default()`, override a few and return it. Sections are flat. The result is locked
(an unknown key fails), typed (ml_collections refuses a string where a number stands)
and JSON-able. `validate` holds the rules that types cannot express, as two tables:
rules of one field, and rules between fields. The three are read side by side, which is
why this file is long.

The default values are the base model of the design documents: 50,000 steps of an
effective batch of 64 on 2 devices x 8 spectra x 4 accumulation steps.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ml_collections import ConfigDict

from spektron_jax.errors import SpektronError
from spektron_jax.spelling import british

# Lines, and QM9S files, give IR and Raman spectra; the X-H bonds of lines give NIR.
TRAINING_MODALITIES = ("IR", "Raman")
ALL_MODALITIES = (*TRAINING_MODALITIES, "NIR")

DEFAULTS = {
    "task": "pretrain",
    "seed": 0,
    "data": {
        "kind": "lines",  # lines: line lists; qm9s: spectra on a grid (HDF5)
        "path": "",  # "" = the line lists shipped with the package
        "points": 2048,
        "low_cm1": 500.0,
        "high_cm1": 4000.0,
        "modalities": TRAINING_MODALITIES,
        "fwhm_ir_cm1": 15.0,  # line widths of QM9S (Zou et al. 2023)
        "fwhm_raman_cm1": 10.0,
        "scale": 0.1,  # absorbance per model unit
        "absorbance_low": 0.5,  # strongest band of a sample, drawn log-uniform
        "absorbance_high": 1.5,
    },
    "lab": {
        "pool": 4,  # simulated instruments
        "preset": "documents",  # or "wide": a mix that pools of hundreds suit
        # With "wide", shares of the examples that are
        "mixtures": 0.0,  # of two molecules
        "powders": 0.0,  # in diffuse reflectance, of the NIR
        "fluorescence": 0.0,  # with a background, of the Raman
    },
    "mask": {
        "share": 0.2,  # share of the points that is hidden
        "block": 3,  # points in a short block
        "long_fraction": 0.0,  # share of the examples masked in long spans
        "long_low_cm1": 60.0,
        "long_high_cm1": 100.0,
    },
    "model": {
        "width": 256,
        "kernel": 15,
        "stride": 1,  # points per token
        "oscillators": 128,
        "layers": 4,  # in each direction
        "scan": "auto",  # stream on a CPU, chunked elsewhere
        "experts": 4,
        "top_k": 2,
        "expert_width": 512,
        "kan": False,
        "blocks": 2,
        "heads": 8,
        "ff_width": 1024,
        "z_chem": 128,
        "z_inst": 64,
        "dropout": 0.1,
        "dtype": "auto",  # bfloat16 on GPU and TPU, float32 on CPU
        "remat": True,
    },
    "losses": {
        "reconstruction": 1.0,
        "contrastive": 0.3,
        "denoising": 0.2,
        "physics": 0.1,
        "transport": 0.1,
        "bottleneck": 0.15,
        "balance": 0.01,
        "swap": 5.0,  # inside the bottleneck, beside cross-entropies near 1.4
        "ema": 0.996,
        "alignment": "sinkhorn",  # of the instruments' clouds; or mmd, coral
        "sinkhorn_epsilon": 1.0,
        "adversary": "z_chem",  # what it reads; or all (z_inst too), none
        "beta_schedule": "cosine",
        "beta_start": 0.1,
        "beta_end": 1e-3,
        "beta_fraction": 0.6,  # of the run, then constant
        "beta_cycles": 4,
        "reversal": 1.0,  # strength that the reversed gradient rises to
        "reversal_gamma": 10.0,  # Ganin et al. 2016
    },
    "optim": {
        "learning_rate": 3e-4,
        "weight_decay": 0.01,
        "warmup_steps": 1000,  # the smaller of these two
        "warmup_fraction": 0.05,
        "final_fraction": 0.01,
        "clip": 5.0,
    },
    "train": {
        "start": "",  # weights to start from: a name or a path; "" = from scratch
        "steps": 50_000,  # of everything; see `separate`
        "head_steps": 5000,  # after them: latents in closed form, then heads alone
        "separate": False,  # True: no others, all `steps` are such
        "batch_size": 64,  # of one optimiser step: all devices x accumulation
        "accumulate": 4,  # microbatches of a device, at least
        "most_at_once": 8,  # spectra in one; more of them on fewer devices
        "devices": 0,  # local devices to use; 0 = all
        "max_minutes": 0.0,  # 0 = no limit
    },
    "checkpoint": {"every_steps": 1000, "keep": 3, "resume": True},
    "log": {
        "every_steps": 50,
        "shares_every_steps": 250,  # how much each term moves the encoder; 0 = never
        "tensorboard": True,
        "progress": True,
    },
    "eval": {
        "split": "test",
        "molecules": 200,
        "instruments": 4,
        "batch_size": 16,
        "curve_every_steps": 500,  # what z_chem and z_inst know; 0 = never
    },
}


def get_default() -> ConfigDict:
    """Return a new, locked ConfigDict with the settings of the base model."""
    return ConfigDict(DEFAULTS).lock()


Rule = tuple[Callable[[Any], bool], str]


def at_least(low: float) -> Rule:
    """The value has a lower end."""
    return lambda v: v >= low, f"must be {low:g} or more"


class OneOf:
    """Whether a value is one of some names; knows which one a person means."""

    def __init__(self, names: tuple[str, ...]):
        self.names = names

    def __call__(self, value: Any) -> bool:
        return value in self.names

    def meant(self, value: Any) -> Any:
        """The name that is spelt alike, British or American; else the value."""
        alike = {british(name): name for name in self.names}
        return alike.get(british(value), value) if isinstance(value, str) else value


def one_of(*names: str) -> Rule:
    """The value is one of these."""
    return OneOf(names), f"must be one of {', '.join(names)}"


def _all(rule: Rule, section: str, names: str) -> dict[str, Rule]:
    return {f"{section}.{name}": rule for name in names.split()}


POSITIVE: Rule = (lambda v: v > 0, "must be greater than 0")
COUNT = at_least(1)
NOT_NEGATIVE = at_least(0)
SHARE: Rule = (lambda v: 0 <= v <= 1, "must lie in [0, 1]")
FRACTION: Rule = (lambda v: 0 < v < 1, "must lie between 0 and 1")
BELOW_ONE: Rule = (lambda v: 0 <= v < 1, "must be 0 or more and less than 1")

FIELD_RULES: dict[str, Rule] = {
    **_all(POSITIVE, "data", "low_cm1 fwhm_ir_cm1 fwhm_raman_cm1 scale absorbance_low"),
    "mask.long_low_cm1": POSITIVE,
    **_all(POSITIVE, "losses", "sinkhorn_epsilon reversal_gamma"),
    **_all(POSITIVE, "optim", "learning_rate clip"),
    **_all(SHARE, "lab", "mixtures powders fluorescence"),
    "mask.long_fraction": SHARE,
    "optim.final_fraction": SHARE,
    "mask.block": COUNT,
    **_all(
        COUNT,
        "model",
        "width stride oscillators layers experts top_k expert_width blocks heads "
        "ff_width z_chem z_inst",
    ),
    "losses.beta_cycles": COUNT,
    **_all(COUNT, "train", "steps accumulate most_at_once"),
    "train.head_steps": NOT_NEGATIVE,
    "log.shares_every_steps": NOT_NEGATIVE,
    **_all(COUNT, "checkpoint", "every_steps keep"),
    "log.every_steps": COUNT,
    "eval.batch_size": COUNT,
    "model.dropout": BELOW_ONE,
    "losses.ema": BELOW_ONE,
    "optim.warmup_fraction": BELOW_ONE,
    **_all(
        NOT_NEGATIVE,
        "losses",
        "reconstruction contrastive denoising physics transport bottleneck balance "
        "swap reversal beta_start beta_end",
    ),
    **_all(NOT_NEGATIVE, "optim", "weight_decay warmup_steps"),
    **_all(NOT_NEGATIVE, "train", "devices max_minutes"),
    "eval.curve_every_steps": NOT_NEGATIVE,
    "task": one_of("pretrain", "lab"),
    "seed": (lambda v: 0 <= v < 2**32, "must lie in 0 .. 2^32 - 1"),
    "data.kind": one_of("lines", "qm9s"),
    "data.points": at_least(16),
    "data.modalities": (
        lambda v: (
            len(v) > 0
            and all(name in ALL_MODALITIES and v.count(name) == 1 for name in v)
        ),
        f"must name each of {', '.join(ALL_MODALITIES)} at most once, and at least one",
    ),
    "lab.pool": (lambda v: v >= 2, "must be 2 or more: each step draws two of them"),
    "lab.preset": one_of("documents", "wide"),
    "mask.share": (lambda v: 0 < v <= 0.5, "must be greater than 0, 0.5 at most"),
    "model.kernel": (lambda v: v >= 1 and v % 2 == 1, "must be an odd number"),
    "model.scan": one_of("auto", "stream", "sequential", "associative", "chunked"),
    "model.dtype": one_of("auto", "bfloat16", "float32"),
    "losses.alignment": one_of("sinkhorn", "mmd", "coral"),
    "losses.adversary": one_of("z_chem", "all", "none"),
    "losses.beta_schedule": one_of("cosine", "cyclical", "constant"),
    "losses.beta_fraction": (lambda v: 0 < v <= 1, "must be in (0, 1]"),
    "train.start": (lambda v: v == v.strip(), "must not begin or end with blanks"),
    "train.batch_size": at_least(2),
    "eval.split": one_of("validation", "test"),
    "eval.molecules": at_least(2),
    "eval.instruments": at_least(2),
}

# (field to name, whether the settings agree, what to change); {section.field} is
# filled in with the value.
PAIR_RULES: tuple[tuple[str, Callable[[ConfigDict], bool], str], ...] = (
    (
        "data.path",
        lambda c: c.data.kind != "qm9s" or c.data.path != "",
        "data.kind = 'qm9s' needs the name of an HDF5 file here",
    ),
    (
        "data.modalities",
        lambda c: (
            "NIR" not in c.data.modalities
            or (c.data.kind == "lines" and c.lab.preset == "wide")
        ),
        "NIR needs data.kind = 'lines', whose X-H bonds it is made of, and lab.preset "
        "= 'wide'",
    ),
    (
        "lab.preset",
        lambda c: (
            c.lab.preset == "wide"
            or c.lab.mixtures == c.lab.powders == c.lab.fluorescence == 0
        ),
        "lab.mixtures, .powders and .fluorescence need the preset 'wide'",
    ),
    (
        "data.high_cm1",
        lambda c: c.data.low_cm1 < c.data.high_cm1,
        "must be greater than data.low_cm1 = {data.low_cm1}",
    ),
    (
        "data.absorbance_high",
        lambda c: c.data.absorbance_low <= c.data.absorbance_high,
        "must not be less than data.absorbance_low = {data.absorbance_low}",
    ),
    (
        "mask.block",
        lambda c: c.mask.block <= c.mask.share * c.data.points,
        "one block is more than mask.share = {mask.share} of data.points = "
        "{data.points}; use shorter blocks",
    ),
    (
        "mask.long_high_cm1",
        lambda c: c.mask.long_low_cm1 <= c.mask.long_high_cm1,
        "must not be less than mask.long_low_cm1 = {mask.long_low_cm1}",
    ),
    (
        "mask.long_high_cm1",
        lambda c: (
            c.mask.long_high_cm1 <= c.mask.share * (c.data.high_cm1 - c.data.low_cm1)
            or c.mask.long_fraction == 0
        ),
        "one span is more than mask.share = {mask.share} of the axis; use shorter "
        "spans",
    ),
    (
        "model.stride",
        lambda c: c.data.points % c.model.stride == 0,
        "must divide data.points = {data.points}",
    ),
    (
        "model.kernel",
        lambda c: c.model.kernel >= c.model.stride,
        "must be model.stride = {model.stride} or more, else points go unseen",
    ),
    (
        "model.heads",
        lambda c: c.model.width % c.model.heads == 0,
        "must divide model.width = {model.width}",
    ),
    (
        "model.top_k",
        lambda c: c.model.top_k <= c.model.experts,
        "must not be more than model.experts = {model.experts}",
    ),
    (
        "train.start",
        lambda c: c.train.start or not c.train.separate,
        "train.separate needs the name or path of trained weights here",
    ),
    (
        "lab.pool",
        lambda c: c.lab.pool >= 3 or not (c.train.separate or c.train.head_steps),
        "must be 3 or more for the bottleneck in closed form; or set "
        "config.train.head_steps=0",
    ),
    (
        "model.z_inst",
        lambda c: c.model.z_inst >= 5 or not (c.train.separate or c.train.head_steps),
        "must be 5 or more for the bottleneck in closed form, which tells the four "
        "modalities apart; or set config.train.head_steps=0",
    ),
    (
        "train.batch_size",
        lambda c: c.train.batch_size % (2 * c.train.accumulate) == 0,
        "must be an even multiple of train.accumulate = {train.accumulate}, since "
        "examples go in pairs",
    ),
)


def validate(config: ConfigDict, device_count: int = 0) -> None:
    """Raise SpektronError, naming field and remedy, if a setting cannot work.

    Args:
      config: settings, normally from `get_default` with overrides.
      device_count: devices of all processes together, when that is known; else 0,
        and `train.devices` takes its place (0 there = not checked).
    """
    for field, default in _leaves(get_default()):
        value = _lookup(config, field)
        if not _same_kind(value, default):
            kind = type(default).__name__
            _fail(field, value, f"must be a finite {kind}, such as {default!r}")
    known = {field for field, _ in _leaves(get_default())}
    for field, _ in _leaves(config):
        if field not in known:
            raise SpektronError(f"config.{field}: no such setting; remove it")
    check_fields(config, FIELD_RULES)
    values = dict(_leaves(config))
    for field, holds, advice in PAIR_RULES:
        if not holds(config):
            for name, value in values.items():
                advice = advice.replace("{" + name + "}", repr(value))
            _fail(field, values[field], advice)
    devices = device_count or config.train.devices
    parts = accumulation(config.train, devices or 1)
    pairs = 2 * parts * devices
    if devices and config.train.batch_size % pairs:
        advice = (
            f"must be a multiple of {pairs} = 2 x {parts} accumulation steps x "
            f"{devices} devices; change it, train.accumulate, train.most_at_once or "
            "train.devices"
        )
        _fail("train.batch_size", config.train.batch_size, advice)


def accumulation(train: ConfigDict, devices: int) -> int:
    """Microbatches of each of `devices`: none holds more than train.most_at_once."""
    each = train.batch_size / (train.accumulate * devices * train.most_at_once)
    return train.accumulate * max(1, math.ceil(each))


def check_fields(config: ConfigDict, rules: Mapping[str, Rule]) -> None:
    """Raise SpektronError for the first section.field that breaks its rule.

    A name in American spelling or other capitals is replaced by ours.
    """
    for field, (holds, advice) in rules.items():
        value = _lookup(config, field)
        if isinstance(holds, OneOf) and holds.meant(value) != value:
            value = holds.meant(value)
            config.update_from_flattened_dict({field: value})
        if not holds(value):
            _fail(field, value, advice)


def _leaves(config: ConfigDict, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in config.items():
        if isinstance(value, ConfigDict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _lookup(config: ConfigDict, field: str) -> Any:
    value = config
    for name in field.split("."):
        if not isinstance(value, ConfigDict) or name not in value:
            raise SpektronError(f"config.{field}: missing; add it")
        value = value[name]
    return value


def _same_kind(value: Any, default: Any) -> bool:
    """True when `value` can stand for `default`; None, NaN and inf cannot."""
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, int | float) and math.isfinite(value)
    if isinstance(default, tuple):
        return isinstance(value, list | tuple)
    return isinstance(value, type(default))


def _fail(field: str, value: Any, advice: str) -> None:
    raise SpektronError(f"config.{field} = {value!r}: {advice}")
