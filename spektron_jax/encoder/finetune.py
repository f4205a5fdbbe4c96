"""Fine-tuning on few labels: the regression head alone, or with low-rank adapters.

First the head is trained on the codes of all labelled spectra, each encoded once. With
a rank above 0, adapters on attention and backbone (`models/lora.py`) and the head are
then trained together, so that a poor head does not spoil the encoder (Kumar et al.,
International Conference on Learning Representations (2022)). Targets are standardised;
source and target count alike, whatever their numbers.

Dimension legend: n labelled spectra, B batch, L points, Z latent width, r rank.
"""

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from spektron_jax.encoder.features import Features
from spektron_jax.encoder.load import Encoder
from spektron_jax.errors import SpektronError
from spektron_jax.models import lora
from spektron_jax.spectra.grid import modality_code, to_tokens

DECAY = 1e-2  # of AdamW


@dataclass(frozen=True)
class FineTuning:
    """Settings of `fine_tune`.

    Attributes:
      rank: r of the adapters; 0: the head alone
      head_steps, head_rate: of AdamW on the head, all spectra in each step
      steps, rate, batch: of AdamW on adapters and head; half of a batch of each side
      seed: of the adapters' start and the batches
    """

    rank: int = 0
    head_steps: int = 400
    head_rate: float = 2e-3
    steps: int = 60
    rate: float = 1e-3
    batch: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rank < 0 or self.steps < 0 or self.batch < 2:
            raise SpektronError(
                f"rank = {self.rank}, steps = {self.steps}, batch = {self.batch}: give "
                "a rank and steps of 0 or more and a batch of 2 or more"
            )


DEFAULT = FineTuning()


def fine_tune(
    features: Features,
    X: np.ndarray,
    y: np.ndarray,
    target: np.ndarray,
    how: FineTuning = DEFAULT,
) -> Callable[[np.ndarray], np.ndarray]:
    """Train on labelled spectra of both instruments.

    Args:
      features: the pretrained encoder on an axis; it stays as it is
      X: spectra                                                       (n, L)
      y: their labels                                                  (n,)
      target: which are of the target instrument; may be none          (n,) bool
      how: settings

    Returns:
      A function from spectra (m, L) to predictions (m,).
    """
    centre, scale = y.mean(), y.std()
    counts = max(target.sum(), 1), (~target).sum()
    weight = np.where(target, 0.5 / counts[0], 0.5 / counts[1])
    z = features(X)["chem"].astype(np.float32)
    wanted = ((y - centre) / scale).astype(np.float32)
    encoder = features.encoder
    head = _train_head(encoder.model, how.head_steps, how.head_rate)(
        encoder.params["regression"], z, wanted, weight / weight.sum()
    )
    if how.rank:
        encoder, head = _with_adapters(features, head, X, wanted, target, how)
    tuned = features.using(encoder)
    predict = _head(encoder.model)

    def predicted(X: np.ndarray) -> np.ndarray:
        z = tuned(X)["chem"].astype(np.float32)
        return centre + scale * np.asarray(predict(head, z), np.float64)

    return predicted


def _with_adapters(
    features: Features,
    head: Any,
    X: np.ndarray,
    wanted: np.ndarray,
    target: np.ndarray,
    how: FineTuning,
) -> tuple[Encoder, Any]:
    """Encoder with adapters, and the head trained with them."""
    encoder = features.encoder
    stride = encoder.config.model.stride
    points = min(encoder.config.data.points, -(-X.shape[1] // stride) * stride)
    tokens = to_tokens(X, features.axis, features.unit, points)
    values = tokens.values / np.float32(encoder.config.data.scale)
    shared = (
        jnp.asarray(tokens.wavenumber_cm1, jnp.float32),
        jnp.full(how.batch // 2 * 2, modality_code(features.modality)),
    )
    tx, step = _tools(encoder.model, how.rate)
    moving = lora.init(jax.random.key(how.seed), encoder.params, how.rank), head
    state, rng = tx.init(moving), np.random.default_rng(how.seed)
    # Half of a batch from each side; all of it from the source where it is alone.
    sides = [np.flatnonzero(target if target.any() else ~target)]
    sides.append(np.flatnonzero(~target))
    for _ in range(how.steps):
        rows = np.concatenate([rng.choice(x, how.batch // 2) for x in sides])
        batch = values[rows], tokens.valid[rows], wanted[rows]
        moving, state = step(encoder.params, moving, state, *batch, *shared)
    adapters, head = moving
    tuned = copy.copy(encoder)
    tuned.params = lora.merged(encoder.params, adapters)
    return tuned, head


@functools.cache
def _head(model: nn.Module) -> Callable:
    """Compiled regression head: its parameters and codes (B, Z) to (B,)."""

    def predict(head, z):
        return model.apply({"params": {"regression": head}}, z, method="predict")[:, 0]

    return jax.jit(predict)


@functools.cache
def _train_head(model: nn.Module, steps: int, rate: float) -> Callable:
    tx = optax.adamw(rate, weight_decay=DECAY)

    def train(head, z, wanted, weight):
        def loss(head):
            return jnp.sum(weight * (_head(model)(head, z) - wanted) ** 2)

        def step(carry, _):
            head, state = carry
            updates, state = tx.update(jax.grad(loss)(head), state, head)
            return (optax.apply_updates(head, updates), state), None

        return jax.lax.scan(step, (head, tx.init(head)), length=steps)[0][0]

    return jax.jit(train)


@functools.cache
def _tools(model: nn.Module, rate: float) -> tuple:
    tx = optax.adamw(rate, weight_decay=DECAY)

    def step(params, moving, state, values, valid, wanted, wavenumber, modality):
        def loss(moving):
            adapters, head = moving
            merged = {"params": lora.merged(params, adapters)}
            z, _ = model.apply(
                merged, values, wavenumber, valid, modality, method="encode"
            )
            return jnp.mean((_head(model)(head, z) - wanted) ** 2)

        updates, state = tx.update(jax.grad(loss)(moving), state, moving)
        return optax.apply_updates(moving, updates), state

    return tx, jax.jit(step)
