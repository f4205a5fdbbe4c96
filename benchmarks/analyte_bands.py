"""Near-infrared bands of what is often measured, and spectra made of them.

Centres after Curcio & Petty, Journal of the Optical Society of America 41 (1951) 302
(water), Cavinato et al., Analytical Chemistry 62 (1990) 1977 (ethanol at 905 nm), and
for all others Osborne, Fearn & Hindle, Practical NIR Spectroscopy (1993), and Workman &
Weyer, Practical Guide to Interpretive NIR Spectroscopy (2007), as remembered. Widths
and strengths are round numbers, by hand.

L = points.
"""

import numpy as np

# Centre and FWHM in nm, absorption relative to the strongest band.
BANDS = {
    "water": "970 45 .004; 1190 60 .01; 1450 100 .25; 1940 110 1",
    "fat": (
        "928 30 .006; 1210 40 .03; 1395 40 .02; 1414 40 .02; 1725 35 .3; "
        "1762 30 .22; 2144 40 .12; 2308 30 1; 2348 30 .8"
    ),
    "protein": (
        "910 35 .006; 1020 45 .006; 1187 50 .03; 1510 70 .2; 1690 50 .2; 1738 40 .2; "
        "1980 60 .5; 2055 60 .9; 2180 60 1; 2290 50 .7; 2350 40 .6"
    ),
    "starch": (
        "920 40 .004; 990 60 .006; 1200 60 .04; 1440 110 .4; 1580 110 .3; "
        "1700 60 .15; 1930 80 .4; 2100 120 1; 2280 60 .9; 2322 60 .7"
    ),
    "sucrose": (
        "920 40 .004; 990 60 .006; 1200 60 .04; 1437 40 .4; 1580 110 .4; 1690 50 .2; "
        "2080 110 1; 2275 60 .9; 2320 50 .6"
    ),
    "glucose": (
        "920 40 .004; 990 60 .006; 1200 60 .04; 1440 110 .3; 1590 110 .3; "
        "1690 60 .25; 2105 120 1; 2273 60 .9; 2322 60 .6"
    ),
    "ethanol": (
        "905 30 .006; 1185 40 .04; 1580 110 .3; 1695 35 .35; 1735 35 .25; "
        "2080 110 .4; 2270 45 1; 2305 40 .9; 2345 40 .5"
    ),
    "cellulose": (
        "920 40 .004; 990 60 .006; 1220 60 .04; 1490 110 .4; 1590 110 .3; "
        "1780 60 .15; 1820 60 .2; 2100 120 1; 2270 60 .7; 2336 50 .8; 2488 70 .6"
    ),
}


def signature(analyte: str, axis_nm: np.ndarray, derivative: bool = False):
    """Bands on an axis (L,), top 1, or their derivative by the point, (L,)."""
    bands = [band.split() for band in BANDS[analyte].split(";")]
    centre, width, strength = np.array(bands, float).T[..., None]
    curves = np.exp(-4 * np.log(2) * ((axis_nm - centre) / width) ** 2)
    g = (strength * curves).sum(axis=0)
    g = g / g.max()
    return np.gradient(g) if derivative else g
