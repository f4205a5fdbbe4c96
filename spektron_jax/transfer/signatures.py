"""What is known of the analyte's own spectrum, as a prior of the coefficients.

Who knows what is measured knows where it absorbs. A calibration's coefficients then lie
more than others along the analyte's spectrum s (science-based calibration: Marbach,
Journal of Biomedical Optics 7 (2002) 130; net analyte signal: Lorber, Analytical
Chemistry 58 (1986) 1167), to an extent that nobody knows beforehand. So with s of unit
length, after the same pretreatment as spectra,

    b ~ N(0, I + k s s'),   k = 3, 30, 300

are further members of the ensemble (`members.py`), which weighs them like others: by
samples left out, or without labels by their evidence.

A name stands for bands of the near infrared: maxima, full widths at half height and
heights, from the usual tables (Burns & Ciurczak, Handbook of Near-Infrared Analysis,
3rd ed., 2007, ch. 3; Workman & Weyer, Practical Guide and Spectral Atlas for
Interpretive Near-Infrared Spectroscopy, 2nd ed., 2012, app. 1), rounded.

L = points.
"""

import numpy as np

from spektron_jax.spectra.axis import convert

# Maximum, full width at half height in nm, and height.
Band = tuple[float, float, float]
O_H: tuple[Band, ...] = ((1450, 110, 0.4), (1940, 110, 1.0))
CARBOHYDRATE: tuple[Band, ...] = ((1480, 140, 0.3), (2100, 130, 1.0), (2280, 60, 0.5))
BANDS: dict[str, tuple[Band, ...]] = {
    "water": ((970, 60, 0.02), (1190, 70, 0.05), *O_H),
    "protein": (
        *((1510, 60, 0.2), (1690, 40, 0.2), (1735, 40, 0.2), (2055, 60, 0.8)),
        *((2175, 60, 1.0), (2300, 60, 0.6)),
    ),
    "fat": (
        *((1210, 50, 0.1), (1395, 50, 0.1), (1415, 40, 0.1), (1725, 35, 0.6)),
        *((1762, 35, 0.5), (2140, 40, 0.2), (2310, 35, 1.0), (2347, 30, 0.8)),
    ),
    "starch": (*CARBOHYDRATE, (1585, 60, 0.2), (1930, 60, 0.3), (2320, 50, 0.4)),
    "sugar": ((1440, 70, 0.4), (1590, 60, 0.2), (1690, 60, 0.3), *CARBOHYDRATE[1:]),
    "ethanol": (
        *((1580, 120, 0.3), (1695, 35, 0.5), (1735, 40, 0.4), (2075, 120, 0.4)),
        *((2270, 40, 1.0), (2305, 40, 0.9)),
    ),
    "fibre": (
        *((1490, 120, 0.4), (1780, 60, 0.2), (1820, 50, 0.2), (2100, 130, 1.0)),
        *((2270, 60, 0.5), (2335, 40, 0.5), (2350, 40, 0.3)),
    ),
}
OTHER_NAMES = {"moisture": "water", "oil": "fat", "lipid": "fat", "alcohol": "ethanol"}
OTHER_NAMES |= {"glucose": "sugar", "sucrose": "sugar", "sugars": "sugar"}
OTHER_NAMES |= {"fiber": "fibre", "cellulose": "fibre", "crude protein": "protein"}


def named(name: str, axis: np.ndarray, unit: str) -> np.ndarray:
    """The spectrum of an analyte of the table, any scale, (L,)."""
    nm = convert(axis, unit, "nm")
    found = BANDS[OTHER_NAMES.get(name, name)]
    return np.sum(
        [
            height * np.exp(-4 * np.log(2) * ((nm - top) / width) ** 2)
            for top, width, height in found
        ],
        axis=0,
    )
