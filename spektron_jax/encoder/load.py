"""Trained weights in use: restore a checkpoint and embed spectra.

encoder = spektron_jax.load_encoder("nano")
z_chem = encoder.embed(spectra, axis, unit="cm-1", modality="IR")
"""

import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from spektron_jax.encoder.weights import checksum, completed, locate
from spektron_jax.errors import SpektronError
from spektron_jax.spectra.grid import Tokens, modality_code, to_cm1, to_tokens
from spektron_jax.training import checkpoint
from spektron_jax.training.state import build_model, init_shapes
from spektron_jax.transfer.transfer_network import load_network

BATCH = 32  # spectra encoded at a time
FEW = (1, 4, BATCH)  # sizes that are compiled: one spectrum does not pay for 32
_RAN_IN: list[int] = []  # the process whose JAX has run an encoder


def _not_forked() -> None:
    """Raise in the child of a process that has run an encoder.

    The threads of JAX do not survive a fork: a call would wait without end.
    """
    if not _RAN_IN:
        _RAN_IN.append(os.getpid())
    elif _RAN_IN[0] != os.getpid():
        raise SpektronError(
            "encoder: this process was forked from one that has run JAX, which would "
            "wait without end; start processes with spawn (joblib's loky does), or "
            "load the encoder in the child alone"
        )


def load_encoder(weights: str | Path = "nano") -> "Encoder":
    """Restore an Encoder.

    Args:
      weights: name of shipped weights, or the path of a workdir, of a checkpoint in it,
        or of exported weights.

    Raises:
      SpektronError: nothing there, or not weights of this model.

    Examples:
      >>> import spektron_jax
      >>> spektron_jax.load_encoder("nano").config.model.z_chem
      128
    """
    path = locate(weights)
    if load_network(path):
        raise SpektronError(
            f"weights {str(weights)!r}: a transfer network, not an encoder; give it to "
            "CalibrationTransfer(weights=...)"
        )
    _, config = checkpoint.restore_params(path)
    config = completed(config)
    model = build_model(config)
    params, _ = checkpoint.restore_params(path, init_shapes(model))
    encoder = Encoder(config, model, params)
    encoder.name = str(weights)
    if (path / "manifest.json").is_file():  # not where a run is given
        encoder.checksum = checksum(path)
    return encoder


class Encoder:
    """Parameters and settings of a trained model, ready to encode.

    Attributes:
      config: the settings it was trained with.
      params: its parameters.
      model: the Flax module.
      adapter: parameters that test-time training moved, by name; empty as restored.
      name: of the weights, "" where they come from no folder.
      checksum: of their manifest, None where there is none.

    Examples:
      >>> import numpy as np
      >>> import spektron_jax
      >>> encoder = spektron_jax.load_encoder("nano")
      >>> axis = np.linspace(600, 3800, 800)
      >>> spectra = np.exp(-(((axis - [[1000], [1700]]) / 20) ** 2))
      >>> encoder.embed(spectra, axis, modality="IR").shape
      (2, 128)
    """

    name: str = ""
    checksum: str | None = None

    def __init__(self, config: Any, model: nn.Module, params: Any):
        self.config, self.model = config, model
        self.params = jax.device_put(params)
        self.adapter: dict[str, np.ndarray] = {}
        self._encode = jax.jit(
            lambda params, routing, *inputs: model.apply(
                {"params": params}, *inputs, routing=routing, method="encode"
            )[1]
        )
        self._gradient = jax.jit(jax.grad(self._weighted_sum, argnums=1))
        self._render = jax.jit(
            lambda params, *inputs: model.apply(
                {"params": params}, *inputs, method="transfer"
            )
        )

    def embed(
        self,
        spectra: np.ndarray,
        axis: np.ndarray,
        unit: str = "cm-1",
        modality: str = "unknown",
        scale: float | None = None,
    ) -> np.ndarray:
        """z_chem of spectra.

        Args:
          spectra: (n, p) or (p,) absorbance (or Raman intensity); NaN = not measured.
          axis: (p,) positions in `unit`.
          unit: "cm-1", "nm" or "um".
          modality: "NIR", "IR", "Raman" or "unknown".
          scale: intensity that counts as one model unit, the same for all spectra that
            are to be compared; the training scale (0.1 absorbance) if None.

        Returns:
          (n, Z) float32, the mean of z_chem.

        Examples:
          >>> import numpy as np
          >>> import spektron_jax
          >>> encoder = spektron_jax.load_encoder("nano")
          >>> axis = np.linspace(600, 3800, 800)
          >>> spectra = np.exp(-(((axis - [[1000], [1700]]) / 20) ** 2))
          >>> encoder.embed(spectra, axis, unit="cm-1", modality="IR").shape
          (2, 128)
        """
        return self.encode(spectra, axis, unit, modality, scale)["chem_mean"]

    def encode(
        self,
        spectra: np.ndarray,
        axis: np.ndarray,
        unit: str = "cm-1",
        modality: str = "unknown",
        scale: float | None = None,
        routing: np.ndarray | None = None,
    ) -> dict[str, np.ndarray]:
        """chem_mean, inst_mean, cls and the rest of the model's `encode`.

        Args:
          spectra, axis, unit, modality, scale: as in `embed`.
          routing: of one spectrum, from an earlier call, for all of these; None: each
            token chooses its experts.

        Returns:
          dict of numpy arrays, (n, ...) each; see models.spektron.Spektron.encode.

        Examples:
          >>> import numpy as np
          >>> import spektron_jax
          >>> encoder = spektron_jax.load_encoder("nano")
          >>> axis = np.linspace(600, 3800, 800)
          >>> spectra = np.exp(-(((axis - [[1000], [1700]]) / 20) ** 2))
          >>> found = encoder.encode(spectra, axis, modality="IR")
          >>> found["inst_mean"].shape
          (2, 64)
        """
        _not_forked()
        code = modality_code(modality)
        scale = self.config.data.scale if scale is None else scale
        if not scale > 0:
            raise SpektronError(f"scale = {scale!r}: must be greater than 0")
        tokens = to_tokens(spectra, axis, unit, self.config.data.points)
        wavenumber = jnp.asarray(tokens.wavenumber_cm1, jnp.float32)
        rows = []
        size = next((each for each in FEW if each >= len(tokens.values)), BATCH)
        for start in range(0, len(tokens.values), size):
            values = tokens.values[start : start + size] / np.float32(scale)
            valid = tokens.valid[start : start + size]
            missing = ((0, size - len(values)), (0, 0))
            out = self._encode(
                self.params,
                None if routing is None else np.stack([routing] * size),
                np.pad(values, missing, mode="edge"),
                wavenumber,
                np.pad(valid, missing, mode="edge"),  # the rows share one spacing
                np.full(size, code),
            )
            rows.append({k: np.asarray(v)[: len(values)] for k, v in out.items()})
        return {k: np.concatenate([row[k] for row in rows]) for k in rows[0]}

    def gradient(
        self,
        tokens: Tokens,
        modality: str,
        weights: dict[str, np.ndarray],
        routing: np.ndarray,
        scale: float | None = None,
    ) -> np.ndarray:
        """Of a weighted sum of what `encode` says of one spectrum, by its points.

        Args:
          tokens: the spectrum, from `grid.to_tokens`.
          modality, scale: as in `embed`.
          weights: entry of `encode` -> array of its shape for one spectrum.
          routing: of the spectrum, from `encode`.

        Returns:
          (points of the model,) float64 per absorbance.

        Examples:
          >>> import numpy as np
          >>> import spektron_jax
          >>> encoder = spektron_jax.load_encoder("nano")
          >>> axis = np.linspace(600, 3800, 800)
          >>> spectra = np.exp(-(((axis - [[1000], [1700]]) / 20) ** 2))
          >>> from spektron_jax.spectra.grid import to_tokens
          >>> found = encoder.encode(spectra[:1], axis, modality="IR")
          >>> tokens = to_tokens(spectra[:1], axis, "cm-1", encoder.config.data.points)
          >>> weights, routing = {"chem_mean": np.eye(128)[0]}, found["routing"][0]
          >>> encoder.gradient(tokens, "IR", weights, routing).shape
          (2048,)
        """
        _not_forked()
        scale = self.config.data.scale if scale is None else scale
        slope = self._gradient(
            self.params,
            tokens.values[:1] / np.float32(scale),
            jnp.asarray(tokens.wavenumber_cm1, jnp.float32),
            tokens.valid[:1],
            np.full(1, modality_code(modality)),
            {name: np.asarray(w, np.float32)[None] for name, w in weights.items()},
            routing[None],
        )
        return np.asarray(slope, np.float64)[0] / scale

    def _weighted_sum(self, params, values, wavenumber, valid, code, weights, routing):
        out = self.model.apply(
            {"params": params},
            *(values, wavenumber, valid, code),
            routing=routing,
            method="encode",
        )[1]
        return sum(jnp.sum(out[name] * weight) for name, weight in weights.items())

    def render(
        self,
        z_chem: np.ndarray,
        z_inst: np.ndarray,
        axis: np.ndarray,
        unit: str = "cm-1",
        scale: float | None = None,
    ) -> np.ndarray:
        """Spectra of samples as an instrument would show them, by the transfer head.

        Args:
          z_chem: (n, Z) of the samples, `chem_mean` of `encode`.
          z_inst: (Z',) of the instrument, such as the mean `inst_mean` of its spectra.
          axis: (p,) positions in `unit`, in any order.
          unit: "cm-1", "nm" or "um".
          scale: as in `embed`.

        Returns:
          (n, p) float32 absorbance (or Raman intensity).

        Examples:
          >>> import numpy as np
          >>> import spektron_jax
          >>> encoder = spektron_jax.load_encoder("nano")
          >>> axis = np.linspace(600, 3800, 800)
          >>> spectra = np.exp(-(((axis - [[1000], [1700]]) / 20) ** 2))
          >>> found = encoder.encode(spectra, axis, modality="IR")
          >>> codes = found["chem_mean"], found["inst_mean"].mean(axis=0)
          >>> encoder.render(*codes, axis).shape
          (2, 800)
        """
        _not_forked()
        scale = self.config.data.scale if scale is None else scale
        z_chem = np.asarray(z_chem, np.float32)
        z_inst = np.asarray(z_inst, np.float32)
        z_inst = np.broadcast_to(z_inst, (len(z_chem), z_inst.shape[-1]))
        wavenumber = jnp.asarray(to_cm1(axis, unit), jnp.float32)
        spectra = self._render(self.params, z_chem, z_inst, wavenumber)
        return np.asarray(spectra) * np.float32(scale)
