"""Example files of two simulated instruments, as CSV, and what a transfer replaces.

`benchmarks/demo_files.py` made them with the virtual laboratory, seed 0.
"""

from pathlib import Path

FILES = ("old_instrument.csv", "new_instrument.csv", "new_samples.csv")


def path_of(name: str) -> Path:
    """Where an example file of the package lies."""
    return Path(__file__).parent / name
