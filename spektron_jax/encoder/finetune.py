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

import jax
import jax.numpy as jnp
import numpy as np
import optax

from spektron_jax.encoder.features import Features
from spektron_jax.errors import SpektronError
from spektron_jax.models import lora
from spektron_jax.spectra.grid import modality_code, to_tokens
from spektron_jax.transfer.data import TransferData

DECAY = 1e-2  # of AdamW


@dataclass(frozen=True)
class FineTuned:
    """A method of the comparison: `fit(data)` returns a function of target spectra.

    Attributes:
      features: the pretrained encoder on an axis
      rank: r of the adapters; 0: the head alone
      head_steps, head_rate: of AdamW on the head, all spectra in each step
      steps, rate, batch: of AdamW on adapters and head; half of a batch of each side
      seed: of the adapters' start and the batches
    """

    features: Features
    rank: int = 0
    head_steps: int = 400
    head_rate: float = 2e-3
    steps: int = 60
    rate: float = 1e-3
    batch: int = 8
    seed: int = 0

    def fit(self, data: TransferData) -> Callable[[np.ndarray], np.ndarray]:
        """Train on the labelled spectra of both instruments."""
        if self.rank < 0 or self.steps < 0 or self.batch < 2:
            raise SpektronError(
                f"rank = {self.rank}, steps = {self.steps}, batch = {self.batch}: give "
                "a rank and steps of 0 or more and a batch of 2 or more"
            )
        rows = data.labelled
        X = np.vstack([data.X_source, data.X_target[rows]])
        y = np.append(data.y_source, data.y_target[rows])
        centre, scale = y.mean(), y.std()
        target = np.arange(y.size) >= data.y_source.size
        weight = np.where(target, 0.5 / max(rows.size, 1), 0.5 / data.y_source.size)
        z = self.features(X)["chem"].astype(np.float32)
        wanted = ((y - centre) / scale).astype(np.float32)

        encoder = self.features.encoder
        head = _train_head(encoder.model, self.head_steps, self.head_rate)(
            encoder.params["regression"], z, wanted, weight / weight.sum()
        )
        if self.rank:
            encoder, head = self._adapt(head, X, wanted, target)
        features = self.features.using(encoder)
        predict = _head(encoder.model)

        def predicted(X: np.ndarray) -> np.ndarray:
            z = features(X)["chem"].astype(np.float32)
            return centre + scale * np.asarray(predict(head, z), np.float64)

        return predicted

    def _adapt(self, head, X, wanted, target):
        """Encoder with adapters, and the head trained with them."""
        encoder, features = self.features.encoder, self.features
        stride = encoder.config.model.stride
        points = min(encoder.config.data.points, -(-X.shape[1] // stride) * stride)
        tokens = to_tokens(X, features.axis, features.unit, points)
        values = tokens.values / np.float32(encoder.config.data.scale)
        shared = (
            jnp.asarray(tokens.wavenumber_cm1, jnp.float32),
            jnp.full(self.batch // 2 * 2, modality_code(features.modality)),
        )
        tx, step = _tools(encoder.model, self.rate)
        key = jax.random.key(self.seed)
        moving = lora.init(key, encoder.params, self.rank), head
        state, rng = tx.init(moving), np.random.default_rng(self.seed)
        # Half of a batch from each side; all of it from the source where it is alone.
        sides = [np.flatnonzero(target if target.any() else ~target)]
        sides.append(np.flatnonzero(~target))
        for _ in range(self.steps):
            rows = np.concatenate([rng.choice(x, self.batch // 2) for x in sides])
            batch = values[rows], tokens.valid[rows], wanted[rows]
            moving, state = step(encoder.params, moving, state, *batch, *shared)
        adapters, head = moving
        worn = copy.copy(encoder)
        worn.params = lora.merged(encoder.params, adapters)
        return worn, head


@functools.cache
def _head(model):
    """Compiled regression head: its parameters and codes (B, Z) to (B,)."""

    def predict(head, z):
        return model.apply({"params": {"regression": head}}, z, method="predict")[:, 0]

    return jax.jit(predict)


@functools.cache
def _train_head(model, steps, rate):
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
def _tools(model, rate):
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
