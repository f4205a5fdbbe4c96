"""Spektron: the assembly, nothing but wiring.

spectrum (B, L) -> embedding -> D-LinOSS backbone -> experts -> transformer -> CLS ->
z_chem, z_inst -> heads. See each module for its source.

Dimension legend: B batch, L points, T tokens, D width, F length of the summary, Z
latent width, E experts.
"""

import chex
import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float, Int

from spektron_jax.models import dtypes
from spektron_jax.models.dlinoss import Backbone
from spektron_jax.models.embedding import Embedding, group
from spektron_jax.models.heads import (
    Perceptron,
    ReconstructionHead,
    TransferHead,
    interpolate_gaps,
)
from spektron_jax.models.moe import MixtureOfExperts
from spektron_jax.models.transformer import TransformerBlock
from spektron_jax.models.vib import Latent, reverse_gradient
from spektron_jax.shapes import (
    ArrayLike,
    Axes,
    Codes,
    Keys,
    Latents,
    Mask,
    PerExample,
    Spectra,
    Tokens,
    ValidTokens,
)
from spektron_jax.spectra.grid import MODALITIES, NIR_CM1

RANGE_CM1 = (500.0, 4000.0)  # of IR and Raman in pretraining
REFERENCE_SPACING_CM1 = 3500.0 / 2047  # on 2,048 points
SEGMENTS = 8
DIRECTIONS = 24  # that a latent reads of the summary, at most


def summarise(
    cls: Float[ArrayLike, "B D"],
    tokens: Tokens,
    valid_tokens: ValidTokens,
    place: Int[ArrayLike, "B T"],
) -> tuple[Float[Array, "B F"], Bool[Array, "B F"]]:
    """What the latents read: CLS, spread of the tokens, and their mean by segment.

    CLS alone knows the sample well and the instrument less well than its tokens do:
    noise and line width are a matter of all points. What a band says depends on where
    it is.

    Args:
      place: (B, T) segment of each token, see `segment`.

    Returns:
      (B, F), F = (2 + SEGMENTS) D, and where something was measured.
    """
    tokens = tokens.astype(dtypes.STATE)
    count = jnp.maximum(jnp.sum(valid_tokens, axis=1), 1.0)
    mean = jnp.sum(tokens * valid_tokens, axis=1) / count
    square = jnp.sum((tokens - mean[:, None]) ** 2 * valid_tokens, axis=1) / count
    member = jax.nn.one_hot(place, SEGMENTS, dtype=dtypes.STATE) * valid_tokens
    size = jnp.sum(member, axis=1)[..., None]
    parts = jnp.einsum("bts,btd->bsd", member, tokens) / jnp.maximum(size, 1.0)
    known = jnp.broadcast_to(size > 0, parts.shape).reshape(len(cls), -1)
    both = [cls, jnp.sqrt(square + 1e-6)]
    return (
        jnp.concatenate([*both, parts.reshape(known.shape)], axis=-1),
        jnp.concatenate([jnp.ones((len(cls), 2 * cls.shape[-1]), bool), known], -1),
    )


def segment(
    wavenumber_cm1: Float[ArrayLike, "*axes T"], modality: Codes
) -> Int[Array, "B T"]:
    """Which of the SEGMENTS of its modality's range a wavenumber lies in, (B, T).

    What lies outside of the range counts to the segment next to it.
    """
    near = (modality == MODALITIES.index("NIR"))[:, None]
    low, high = (
        jnp.where(near, *ends) for ends in zip(NIR_CM1, RANGE_CM1, strict=True)
    )
    share = (wavenumber_cm1 - low) / (high - low)
    return jnp.clip(jnp.floor(SEGMENTS * share), 0, SEGMENTS - 1).astype(jnp.int32)


class Spektron(nn.Module):
    """The network. Fields are the config's `model` section plus two sizes."""

    width: int = 256
    kernel: int = 15
    stride: int = 1
    oscillators: int = 128
    layers: int = 4
    scan: str = "auto"
    experts: int = 4
    top_k: int = 2
    expert_width: int = 512
    kan: bool = False
    blocks: int = 2
    heads: int = 8
    ff_width: int = 1024
    z_chem: int = 128
    z_inst: int = 64
    dropout: float = 0.1
    dtype: str = "auto"
    remat: bool = True
    instrument_embedding: int = 8  # outputs of the instrument classifiers
    targets: int = 1  # outputs of the regression head

    def setup(self):
        dtype = dtypes.compute(self.dtype)
        self.embedding = Embedding(self.width, self.kernel, self.stride, dtype)
        self.backbone = Backbone(
            self.layers, self.oscillators, self.scan, self.dropout, self.remat
        )
        self.moe = MixtureOfExperts(
            self.experts, self.top_k, self.expert_width, self.kan, dtype
        )
        self.transformer = [
            TransformerBlock(self.heads, self.ff_width, self.dropout, dtype)
            for _ in range(self.blocks)
        ]
        self.summary = nn.LayerNorm(dtype=dtypes.STATE)
        self.chem = Latent(self.z_chem, min(self.z_chem, DIRECTIONS))
        self.inst = Latent(self.z_inst, min(self.z_inst, DIRECTIONS))
        self.reconstruction = ReconstructionHead(self.stride, dtype)
        self.regression = Perceptron(self.width, self.targets)
        self.transfer_head = TransferHead(self.width)
        self.chem_classifier = Perceptron(self.width, self.instrument_embedding)
        self.inst_classifier = Perceptron(self.width, self.instrument_embedding)
        self.projector = Perceptron(2 * self.width, self.width)
        self.predictor = Perceptron(2 * self.width, self.width)

    def encode(
        self,
        values: Spectra,
        wavenumber_cm1: Axes,
        valid: Mask,
        modality: Codes,
        hidden: Mask | None = None,
        keys: Keys | None = None,
        routing: Bool[ArrayLike, "B tokens E"] | None = None,
    ) -> tuple[Float[Array, "B Z"], dict[str, Array]]:
        """Spectra to latents.

        Args:
          values: (B, L) absorbance in model units (absorbance / data.scale).
          wavenumber_cm1: (L,) shared or (B, L), increasing, cm-1.
          valid: (B, L) bool.
          modality: (B,) int, index into grid.MODALITIES.
          hidden: (B, L) bool or None, points to reconstruct.
          keys: (B,) JAX keys in training, one per example: latents are sampled, gates
            are noisy and dropout is on (rng "dropout"). None: deterministic.
          routing: of another call, to keep its choice of experts; None: chosen anew.

        Returns:
          z_chem (B, Z) and a dict of intermediates: tokens (B, T, D), cls (B, D),
          summary (B, F), z_inst, {chem,inst}_{mean,log_variance}, load and
          importance (B, E), routing (B, T + 2, E).
        """
        hidden = jnp.zeros_like(valid) if hidden is None else hidden
        chex.assert_rank([values, wavenumber_cm1, modality], [2, {1, 2}, 1])
        chex.assert_equal_shape([values, valid, hidden])
        chex.assert_equal(wavenumber_cm1.shape[-1], values.shape[-1])
        chex.assert_equal(len(modality), len(values))
        tokens, valid_tokens = self.embedding(
            values, wavenumber_cm1, valid, modality, hidden
        )
        step = self.spacing(wavenumber_cm1, valid) / REFERENCE_SPACING_CM1
        train = keys is not None
        chem_keys = inst_keys = gate_keys = None
        if train:
            split = jax.vmap(lambda key: jax.random.split(key, 3))(keys)
            chem_keys, inst_keys, gate_keys = split.T
        tokens = self.backbone(tokens, valid_tokens, step, train=train)
        tokens, gate = self.moe(tokens, valid_tokens, gate_keys, routing)
        for block in self.transformer:
            tokens = block(tokens, valid_tokens, train)
        cls = self.summary(tokens[:, 0])
        place = segment(group(wavenumber_cm1, self.stride, jnp.mean), modality)
        summary, known = summarise(cls, tokens[:, 2:], valid_tokens[:, 2:], place)
        read = summary, known, modality
        z_chem, chem_mean, chem_log_variance = self.chem(*read, chem_keys)
        z_inst, inst_mean, inst_log_variance = self.inst(*read, inst_keys)
        return z_chem, {
            "tokens": tokens[:, 2:],
            "cls": cls,
            "summary": summary,
            "z_chem": z_chem,
            "z_inst": z_inst,
            "chem_mean": chem_mean,
            "chem_log_variance": chem_log_variance,
            "inst_mean": inst_mean,
            "inst_log_variance": inst_log_variance,
            **gate,
        }

    @staticmethod
    def spacing(wavenumber_cm1, valid):
        """Mean point spacing in cm-1: () for a shared axis, (B,) otherwise."""
        if wavenumber_cm1.ndim == 1:
            wavenumber_cm1, valid = wavenumber_cm1[None], valid.any(0)[None]
            return Spektron.spacing(wavenumber_cm1, valid)[0]
        both = valid[:, 1:] & valid[:, :-1]
        steps = jnp.where(both, jnp.diff(wavenumber_cm1), 0.0)
        return jnp.sum(steps, -1) / jnp.maximum(jnp.sum(both, -1), 1)

    def project(self, z_chem: Latents) -> Float[Array, "B D"]:
        """Projection that the contrastive target network shows, (B, D)."""
        return self.projector(z_chem)

    def transfer(
        self, z_chem: Latents, z_inst: Float[ArrayLike, "B Y"], wavenumber_cm1: Axes
    ) -> Spectra:
        """Spectrum of a sample (z_chem) as an instrument (z_inst) would show it."""
        return self.transfer_head(z_chem, z_inst, wavenumber_cm1)

    def instrument_logits(
        self,
        z: Latents,
        table: Float[ArrayLike, "N F"],
        alpha: PerExample,
        latent: str = "chem",
    ) -> Float[Array, "B N"]:
        """Which instrument an adversary reads from a latent, (B, N).

        Args:
          z: (B, Z) z_chem, or z_inst with latent="inst".
          table: (N, F) what each instrument is told by, F = `instrument_embedding`.
          alpha: (B,) strength of the gradient reversal.
        """
        classifier = self.chem_classifier if latent == "chem" else self.inst_classifier
        return classifier(reverse_gradient(z, alpha[:, None])) @ table.T

    def predict(self, z_chem: Latents) -> Float[Array, "B targets"]:
        """Regression head, (B, targets)."""
        return self.regression(z_chem)

    def __call__(
        self,
        values: Spectra,
        wavenumber_cm1: Axes,
        valid: Mask,
        modality: Codes,
        hidden: Mask | None = None,
        keys: Keys | None = None,
    ) -> tuple[Float[Array, "B L 2"], dict[str, Array]]:
        """Encode, then run every head; arguments as in `encode`.

        Returns:
          spectra (B, L, 2), channel 0 as measured and 1 clean, and the intermediates
          of `encode` with transfer (B, L), regression, projection and prediction, and
          what the classifiers read, chem_instrument and inst_instrument (B, F), added.
        """
        z_chem, out = self.encode(values, wavenumber_cm1, valid, modality, hidden, keys)
        z_inst = out["z_inst"]
        visible = valid if hidden is None else valid & ~hidden
        spectra = self.reconstruction(
            out["tokens"],
            group(valid, self.stride, jnp.any)[..., None],
            jnp.concatenate([z_chem, z_inst], axis=-1),
            interpolate_gaps(values, visible, wavenumber_cm1),
        )
        projection = self.project(z_chem)
        return spectra, out | {
            "transfer": self.transfer(z_chem, z_inst, wavenumber_cm1),
            "regression": self.predict(z_chem),
            "chem_instrument": self.chem_classifier(jax.lax.stop_gradient(z_chem)),
            "inst_instrument": self.inst_classifier(z_inst),
            "projection": projection,
            "prediction": self.predictor(projection),
        }
