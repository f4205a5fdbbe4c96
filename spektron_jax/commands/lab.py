"""The task "lab": the page of the virtual laboratory, lab.html.

Molecules of the shipped line lists by modality, one mixture on eight instruments, and
the ranges that instruments are drawn from.
"""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from spektron_jax import lab
from spektron_jax.commands.report import lab_figures
from spektron_jax.commands.result import Plot, Result, Section
from spektron_jax.config import validate
from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.lab.instruments import training_pool
from spektron_jax.lab.nir import Bonds, Lines, nir_lines
from spektron_jax.lab.render import render_table
from spektron_jax.lab.resample import GAUSSIAN_FWHM
from spektron_jax.spectra.grid import MODALITIES

MOLECULES = {
    "water": "O",
    "ethanol": "CCO",
    "hexane": "CCCCCC",
    "benzene": "c1ccccc1",
    "acetone": "CC(C)=O",
}
HYDROGEN_BONDED = np.array([0.0, 0.8, 0.0, 0.0, 0.0])  # of their NH and OH groups
MIXTURE = np.array([0.1, 0.3, 0.25, 0.2, 0.15])
EIGHT = {
    "grating_nir": "NIR",
    "process_nir": "NIR",
    "ft_nir": "NIR",
    "handheld_nir": "NIR",
    "ftir": "IR",
    "atr": "IR",
    "raman_532": "Raman",
    "raman_785": "Raman",
}
AXES_CM1 = {"NIR": (3900.0, 11000.0), "IR": (400.0, 4100.0), "Raman": (150.0, 3900.0)}
WIDTHS_CM1 = {"IR": 15.0, "Raman": 10.0}
POINTS, DRAWS = 4096, 400
HISTOGRAMS = ("grating_nir", "ft_nir", "handheld_nir", "raman_785")


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work."""
    validate(config)


def run(config: ConfigDict, workdir: Path) -> Result:
    """Three figures: molecules, one mixture on eight instruments, ranges."""
    corpus = LineCorpus.load(config.data.path)
    pure = {name: components(corpus, name) for name in AXES_CM1}
    molecules = Plot(
        lab_figures.molecules(list(MOLECULES), panels(pure)),
        "Computed spectra of pure molecules, each scaled to its strongest band",
    )
    instruments = Plot(
        lab_figures.instruments(on_eight(pure, config.seed)),
        f"The same mixture on instruments drawn with seed {config.seed}, each on its "
        "own axis; grey: before the instrument.",
    )
    histograms = Plot(
        lab_figures.histograms(ranges(config.seed)),
        f"{DRAWS} instruments of each kind; shift and width in nm for grating and "
        "handheld, in 1/cm for the others.",
    )
    sections = [
        Section("molecules", "Molecules", [molecules]),
        Section("instruments", "One mixture on eight instruments", [instruments]),
        Section("ranges", "What instruments are drawn from", [histograms]),
    ]
    return Result("The virtual laboratory", sections=sections, page="lab.html")


def components(corpus: LineCorpus, modality: str) -> tuple[np.ndarray, np.ndarray]:
    """(axis (L,) cm-1, pure spectra (n, L))."""
    low, high = AXES_CM1[modality]
    axis = np.linspace(low, high, POINTS)
    rows = corpus.rows_of(MOLECULES.values())
    if modality == "NIR":
        lines = nir_lines(Bonds(**corpus.bonds(rows)), bonded=HYDROGEN_BONDED)
    else:
        code = np.full(len(rows), MODALITIES.index(modality))
        table = corpus.fetch(rows, code)
        width = np.full_like(table["strength"], WIDTHS_CM1[modality])
        lines = Lines(table["position_cm1"], table["strength"], width)
    return axis, np.asarray(render_table(lines, axis))


def panels(
    pure: dict[str, tuple[np.ndarray, np.ndarray]],
) -> dict[str, tuple[np.ndarray, np.ndarray, str]]:
    """Axes and spectra as `lab_figures.molecules` takes them."""
    shown = {}
    for name in ("IR", "Raman", "NIR"):
        axis, spectra = pure[name]
        label = "wavenumber, 1/cm"
        if name == "NIR":
            kept = axis > 4000.0
            axis, spectra, label = 1e7 / axis[kept], spectra[:, kept], "wavelength, nm"
        elif name == "Raman":
            label = "Raman shift, 1/cm"
        shown[name] = (axis, spectra, label)
    return shown


def on_eight(
    pure: dict[str, tuple[np.ndarray, np.ndarray]], seed: int
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray, str, str]]:
    """The mixture on each of EIGHT, on the instrument's own axis."""
    found = {}
    for number, (preset, modality) in enumerate(EIGHT.items()):
        axis, spectra = pure[modality]
        mixture = MIXTURE @ (spectra / spectra.max(1, keepdims=True))
        instrument = lab.draw(preset, seed)
        mixture = mixture / mixture.max()
        measured = lab.measure(
            mixture, axis, "cm-1", instrument, jax.random.key(number), own_axis=True
        )[0]
        own = instrument.axis()
        position = 1e7 / own if instrument.unit == "nm" else own
        before = np.interp(position, axis, mixture)
        label = {"nm": "wavelength, nm", "cm-1": "wavenumber, 1/cm"}[instrument.unit]
        found[preset] = (own, measured, before, label, instrument.quantity)
    return found


def ranges(seed: int) -> dict[str, dict[str, np.ndarray]]:
    """Values of six parameters for each of HISTOGRAMS."""
    pools = {name: training_pool(seed, DRAWS, name) for name in HISTOGRAMS}

    def values(of: Callable) -> dict[str, np.ndarray]:
        return {name: np.asarray(of(pool)) for name, pool in pools.items()}

    return {
        "axis shift": values(lambda p: p.shift),
        "line width (FWHM)": values(lambda p: p.sigma * GAUSSIAN_FWHM),
        "stray light": values(lambda p: p.stray),
        "noise, micro-absorbance": values(lambda p: 1e6 * p.noise),
        "gain": values(lambda p: p.gain),
        "offset, absorbance": values(lambda p: p.baseline[:, 0]),
    }
