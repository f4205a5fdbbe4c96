"""Shapes of arrays, by the letters that the whole project uses.

    B batch    L points of a spectrum    T tokens    D width    Z latent width
    K lines    H heads of width W        E experts   P oscillators

In an annotation a letter is the same number throughout a call. Arrays that come in may
be numpy's.
"""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

if TYPE_CHECKING:  # what has a shape and does arithmetic; plain numbers pass in a run
    ArrayLike = Array | np.ndarray
else:
    from jaxtyping import ArrayLike

Axis = Float[ArrayLike, " L"]
Axes = Float[ArrayLike, "*axes L"]  # shared (L,), or of each example (B, L)
Spectra = Float[ArrayLike, "B L"]
Mask = Bool[ArrayLike, "B L"]
Lines = Float[ArrayLike, "B K"]
Codes = Int[ArrayLike, " B"]
PerExample = Float[ArrayLike, " B"]
Keys = Key[Array, " B"]
OneKey = Key[Array, ""]
Tokens = Float[ArrayLike, "B T D"]
ValidTokens = Float[ArrayLike, "B T 1"]  # 0 or 1
Heads = Float[ArrayLike, "B T H W"]
Latents = Float[ArrayLike, "B Z"]
Logits = Float[ArrayLike, "B N"]
Projections = Float[ArrayLike, "B D"]
Routing = Bool[ArrayLike, "B T E"]
