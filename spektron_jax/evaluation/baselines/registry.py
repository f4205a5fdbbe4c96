"""Names of methods: `family[numbers][+bias][@t]/treatment`, as `epo3+bias@t/sg1`.

Families and the forms of their names:

    none  mc  umc  sbc  ds  ds_res  pds_w<window>_<components>  sst  epo<k>  glsw<alpha>
    pooled  pooled_w1  pooled_mc  pooled_mc_w1  prior_ridge  target_only  coral_u
    ceiling  average  weighted

`+bias` adds the mean error of the labelled target samples, `@t` chooses the number of
components on left-out target samples.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from spektron_jax.errors import SpektronError
from spektron_jax.evaluation.baselines.offset import (
    bias,
    mean_centring,
    none,
    slope_and_bias,
    unlabelled_mean_centring,
)
from spektron_jax.evaluation.baselines.pooled import ceiling, pooled, target_only
from spektron_jax.evaluation.baselines.preprocessing import TREATMENTS
from spektron_jax.evaluation.baselines.prior import ridge_update
from spektron_jax.evaluation.baselines.projection import epo, glsw
from spektron_jax.evaluation.baselines.recipe import Corrector, Family, Recipe
from spektron_jax.evaluation.baselines.standardise import (
    direct,
    direct_residual,
    piecewise,
    subspace,
)
from spektron_jax.evaluation.baselines.unlabelled import coral

NUMBER = r"\d+(?:\.\d+)?(?:e-?\d+)?"

# Pattern of the family -> (family, its correction), from the numbers in the name.
FAMILIES: dict[str, Callable[..., tuple[Family, Corrector | None]]] = {
    "none": lambda: (none, None),
    "mc": lambda: (mean_centring, None),
    "umc": lambda: (unlabelled_mean_centring, None),
    "sbc": lambda: (none, slope_and_bias),
    "ds": lambda: (direct, None),
    "ds_res": lambda: (direct_residual, None),
    r"pds_w(\d+)_(\d+)": lambda width, components: (
        partial(piecewise, width=int(width), components=int(components)),
        None,
    ),
    "sst": lambda: (subspace, None),
    r"epo(\d+)": lambda k: (partial(epo, components=int(k)), None),
    rf"glsw({NUMBER})": lambda alpha: (partial(glsw, alpha=float(alpha)), None),
    r"pooled(_mc)?(_w1)?": lambda centred, plain: (
        partial(pooled, centred=bool(centred), balanced=not plain),
        None,
    ),
    "prior_ridge": lambda: (mean_centring, ridge_update),
    "target_only": lambda: (target_only, None),
    "coral_u": lambda: (coral, None),
    "ceiling": lambda: (ceiling, None),
}


def make(name: str) -> Any:
    """Build the method of that name.

    Args:
      name: as in the header of this file

    Returns:
      An object with `fit(data) -> predict`, `predict(X (m, L)) -> (m,)`.

    Raises:
      SpektronError: no such family or treatment.
    """
    head, slash, treatment = name.partition("/")
    if treatment not in TREATMENTS:
        raise SpektronError(
            f"method {name!r}: needs a treatment after '/', one of "
            f"{', '.join(TREATMENTS)}"
        )
    plain = head.removesuffix("@t")
    components = "target" if plain != head else "source"
    family = plain.removesuffix("+bias")
    for pattern, build in FAMILIES.items():
        if match := re.fullmatch(pattern, family):
            prepare, correct = build(*match.groups())
            break
    else:
        raise SpektronError(
            f"method {name!r}: unknown family; use one of {', '.join(FAMILIES)}"
        )
    if family != plain:
        if correct is not None:
            raise SpektronError(f"method {name!r}: this family has its own correction")
        correct = bias
    return Recipe(prepare, treatment, components, correct)
