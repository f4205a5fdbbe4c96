"""Numbers as pages and verdicts write them."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float) -> str:
    """Three significant digits; powers of ten where the plain form gets long."""
    if not np.isfinite(value):
        return "not finite"
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e5:
        plain = f"{value:#.3g}".rstrip(".")
        return f"{value:.0f}" if "e" in plain else plain
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}"


def decimals(values: Iterable[float], digits: int = 3) -> Callable[[float], str]:
    """How to write numbers of one column alike: with the decimals the least needs.

    Args:
      values: of which the least, by size and not 0, is shown with that many digits
      digits: three for errors
    """
    sizes = [abs(value) for value in values if value and np.isfinite(value)]
    places = digits - 1 - int(np.floor(np.log10(min(sizes)))) if sizes else 0
    if not 0 <= places <= 6:
        return number
    return lambda value: f"{value + 0.0:.{places}f}".replace("-", "\u2212")


def share(value: float) -> str:
    """A share of 1 as percentage with one decimal."""
    return f"{100 * value:.1f} %"


def interval(
    entry: Mapping[str, float], digits: Callable[[float], str] = number
) -> str:
    """Return "[low, high]"."""
    return f"[{digits(entry['low'])}, {digits(entry['high'])}]"


def count(value: float) -> str:
    """Whole number with thin spaces between thousands."""
    return f"{int(value):,}".replace(",", "\u2009")
