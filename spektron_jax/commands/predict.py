"""The task "predict": new spectra of the target through a saved model."""

from spektron_jax.commands.transfer import predict as run  # noqa: F401


def check(config) -> None:
    """Nothing to check before files are read."""
