"""Ways to render lines: time of 64 spectra of 2,048 points, and error.

    python -m benchmarks.render

dense     every line at every point (`render_lines`)
banded    every line at the 257 points around it, scattered into the spectrum
comb      lines on a comb, profile by FFT (`render_grid`)

IR: lists of the shipped molecules, one width. NIR: their overtones and combinations,
about 1,200 lines each, of many widths. The error is the largest difference from the
exact Voigt profile, as a share of the spectrum's strongest point, in 4 spectra. Times
are medians of 15 calls, or of as many as 10 seconds allow.
"""

import statistics
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import voigt_profile

from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.lab.nir import Bonds, Lines, nir_lines
from spektron_jax.lab.render import (
    NIR_WIDTHS_CM1,
    render_grid,
    render_lines,
    voigt_shape,
)
from spektron_jax.lab.resample import GAUSSIAN_FWHM

BATCH, POINTS, CALLS, REACH = 64, 2048, 15, 128


def dense(lines, low, high, points, sigma_cm1):
    """`render_lines`; with a width for each line, the same sum, one by one."""
    axis = jnp.linspace(low, high, points)
    if lines.position_cm1.shape[1] < 200:
        return render_lines(
            lines.position_cm1, lines.strength, axis, lines.fwhm_cm1[:, 0], sigma_cm1
        )

    def one(row):
        total, share = voigt_shape(row.fwhm_cm1, GAUSSIAN_FWHM * sigma_cm1)
        half = total / 2
        distance2 = (axis[:, None] - row.position_cm1) ** 2
        lorentz = share * half / np.pi / (distance2 + half**2)
        height = (1 - share) * np.sqrt(np.log(2) / np.pi) / half
        gauss = height * jnp.exp(-np.log(2) / half**2 * distance2)
        return jnp.sum(row.strength * (lorentz + gauss), -1)

    return jax.lax.map(one, lines)


def banded(lines, low, high, points, sigma_cm1):
    """Lines at the points around them only."""
    spacing = (high - low) / (points - 1)
    centre = jnp.round((lines.position_cm1 - low) / spacing).astype(jnp.int32)
    column = centre[..., None] + jnp.arange(-REACH, REACH + 1)
    offset = low + spacing * column - lines.position_cm1[..., None]
    flat = (-1, 2 * REACH + 1)

    def one(offset, strength, fwhm):
        return render_lines(
            jnp.zeros((1, 1)), strength[None, None], offset, fwhm, sigma_cm1
        )[0]

    values = jax.vmap(one)(
        offset.reshape(flat), lines.strength.ravel(), lines.fwhm_cm1.ravel()
    )
    row = jnp.arange(len(centre))[:, None, None]
    column = jnp.where(column < 0, points, column)
    spectra = jnp.zeros((len(centre), points))
    return spectra.at[row, column].add(values.reshape(column.shape), mode="drop")


def exact(lines, low, high, points, sigma_cm1):
    """Voigt profiles by scipy, of the first spectra."""
    axis = np.linspace(low, high, points)
    sigma = np.float64(sigma_cm1)
    return np.stack(
        [
            sum(
                s * voigt_profile(axis - p, sigma, f / 2)
                for p, s, f in zip(*row, strict=True)
                if s
            )
            for row in zip(*(np.asarray(x, np.float64)[:4] for x in lines), strict=True)
        ]
    )


def seconds(function, lines):
    """Median time of a call once compiled."""
    function(lines).block_until_ready()
    times = []
    while len(times) < CALLS and sum(times) < 10:
        start = time.perf_counter()
        function(lines).block_until_ready()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    """Print one row for each way and kind of spectrum."""
    corpus = LineCorpus.load(modalities=("IR",))
    molecule, modality = (values[:BATCH] for values in corpus.examples("train"))
    table = corpus.fetch(molecule, modality)
    position, strength = table["position_cm1"], table["strength"]
    infrared = Lines(position, strength, np.full_like(position, 15.0))
    near = nir_lines(
        Bonds(**corpus.bonds(molecule)), jax.random.split(jax.random.key(0), BATCH)
    )
    cases = (
        ("IR", infrared, (500.0, 4000.0), 3.0, (15.0,)),
        ("NIR", near, (4000.0, 9000.0), 0.0, NIR_WIDTHS_CM1),
    )
    print(f"{'spectra':8}{'way':8}{'ms':>8}{'error':>10}")
    for name, lines, (low, high), sigma, widths in cases:
        lines = Lines(*map(jnp.asarray, lines))
        truth = exact(lines, low, high, POINTS, max(sigma, 1e-6))
        comb = partial(render_grid, low_cm1=low, high_cm1=high, widths_cm1=widths)
        for way, render in (
            ("dense", partial(dense, low=low, high=high)),
            ("banded", partial(banded, low=low, high=high)),
            ("comb", comb),
        ):
            call = jax.jit(partial(render, points=POINTS, sigma_cm1=sigma))
            error = np.abs(np.asarray(call(lines))[:4] - truth) / truth.max(1)[:, None]
            took = 1e3 * seconds(call, lines)
            print(f"{name:8}{way:8}{took:8.1f}{error.max():10.1e}", flush=True)


if __name__ == "__main__":
    main()
