"""Names of methods: `family[numbers][+bias][@t]/pretreatment`, as `epo3+bias@t/sg1`.

Families and the forms of their names:

    none  mc  umc  sbc  ds  ds_res  pds_w<window>_<components>  sst  epo<k>  glsw<alpha>
    pooled  pooled_w1  pooled_mc  pooled_mc_w1  prior_ridge  target_only  coral_u
    ceiling

`+bias` adds the mean error of the labelled target samples, `@t` chooses the number of
components on left-out target samples.
"""

import re
from collections.abc import Callable
from functools import cache, partial

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.methods.coral import coral
from spektron_jax.transfer.methods.offset import (
    bias,
    mean_centring,
    none,
    slope_and_bias,
    unlabelled_mean_centring,
)
from spektron_jax.transfer.methods.pls_transfer import Corrector, Family, PLSTransfer
from spektron_jax.transfer.methods.pooled import ceiling, pooled, target_only
from spektron_jax.transfer.methods.preprocessing import PRETREATMENTS
from spektron_jax.transfer.methods.projection import epo, glsw
from spektron_jax.transfer.methods.ridge_update import ridge_update
from spektron_jax.transfer.methods.standardise import (
    direct,
    direct_residual,
    piecewise,
    subspace,
)

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


@cache
def make(name: str) -> PLSTransfer:
    """Build the method of that name; the same object at every call.

    Args:
      name: as in the header of this file

    Returns:
      The method, whose `fit(data)` returns `predict(X (m, L)) -> (m,)`.

    Raises:
      SpektronError: no such family or pretreatment.
    """
    head, _, pretreatment = name.partition("/")
    if pretreatment not in PRETREATMENTS:
        raise SpektronError(
            f"method {name!r}: needs a pretreatment after '/', one of "
            f"{', '.join(PRETREATMENTS)}"
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
    # The ridge would hide a bad source model at the few samples it was fitted to, so
    # the model's size is chosen before the ridge is added.
    chooser = bias if correct is ridge_update else None
    return PLSTransfer(prepare, pretreatment, components, correct, chooser)
