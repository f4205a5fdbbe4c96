"""Columns that belong to one measurement, not to several samples.

Programs of spectrometers write the same points as pixel, wavelength and Raman shift,
and the sample's signal beside the dark and the reference. One axis and one signal are
taken, and what is left out is said.
"""

import re

from spektron_jax.spectra.axis import quantity_of
from spektron_jax.spectra.readers.parsed import Log

# In order of preference. Of these, a table of one measurement holds each once.
_AXES = ("raman ?shift", "wave ?number", "wave ?length|wave", "pixel|channel|index")
_SIGNALS = (
    "subtracted|corrected|processed",
    "sample|signal",
    "scope|raw|counts|intensity",
    "reference|white",
    "dark|background",
    "irradiance",
)
_QUANTITIES = ("log(1/R)", "absorbance", "reflectance", "%R", "transmittance", "%T")


def one_measurement(
    rows: list[list[str]], places: list[str], log: Log
) -> tuple[list[list[str]], list[str]]:
    """Return the table with one axis, and one signal if the others go with it.

    Of several axes, the one taken may be blank at pixels outside the calibration.
    """
    header = [cell.strip() for cell in rows[0]]
    ranks = [_rank(name, _AXES) for name in header]
    axes = [i for i, rank in enumerate(ranks) if rank is not None]
    if not axes or axes[0] != 0:
        return rows, places
    others = [i for i in range(len(header)) if i not in axes]
    axis = _best(rows, axes, ranks)
    kinds = {i: _kind(header[i]) for i in others}
    alone = None not in kinds.values() and len(set(kinds.values())) == len(others) > 1
    kept = [_best(rows, others, kinds)] if alone else others
    dropped = [header[i] for i in range(len(header)) if i not in (axis, *kept)]
    if not dropped:
        return rows, places
    signal = f" and {header[kept[0]]!r}" if alone else ""
    log.warning(
        "table", f"{header[axis]!r}{signal} taken; left out: {', '.join(dropped)}"
    )
    good = [i for i, row in enumerate(rows) if len(axes) == 1 or row[axis].strip()]
    if len(good) < len(rows):
        log.warning("table", f"{len(rows) - len(good)} rows without {header[axis]}")
    rows = [[rows[i][j] for j in (axis, *kept)] for i in good]
    return rows, [places[i] for i in good]


def names_signal(name: str) -> bool:
    """Whether a column's name says what was measured rather than on which sample."""
    return _kind(name) is not None


def _best(rows: list[list[str]], columns: list[int], ranks) -> int:
    """The preferred column whose values are not all alike."""
    varied = [i for i in columns if len({row[i] for row in rows[1:]}) > 1]
    return min(varied or columns, key=lambda i: ranks[i])


def _rank(name: str, patterns: tuple[str, ...]) -> int | None:
    return next(
        (k for k, p in enumerate(patterns) if re.match(rf"(?:{p})\b", name, re.I)), None
    )


def _kind(name: str) -> int | None:
    """Rank of a signal: quantities first, then as in _SIGNALS."""
    quantity = quantity_of(name)
    if quantity in _QUANTITIES or name.upper().startswith(("%TR", "%T")):
        return _QUANTITIES.index(quantity or "%T") - len(_QUANTITIES)
    name = re.sub(r"\[.*?\]|\(.*?\)", "", name)  # units
    found = [k for k, p in enumerate(_SIGNALS) if re.search(p, name, re.I)]
    # "Dark subtracted" is a signal, "reference signal" a reference.
    return None if not found else 0 if 0 in found else found[-1]
