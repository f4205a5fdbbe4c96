"""Simulated spectra: molecules' lines, samples, instruments, transfer tasks. In JAX.

from spektron_jax import lab
handheld = lab.draw("handheld_nir", seed=7)
elsewhere = lab.measure(spectra, axis, "nm", handheld, key=jax.random.key(0))
"""

from spektron_jax.lab.instrument_file import load_instrument, save_instrument
from spektron_jax.lab.instruments import draw, ideal
from spektron_jax.lab.measurement import measure
from spektron_jax.lab.tasks import transfer_task

__all__ = [
    "draw",
    "ideal",
    "load_instrument",
    "measure",
    "save_instrument",
    "transfer_task",
]
