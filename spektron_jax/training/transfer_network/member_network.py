"""The transfer network in Flax, and what it is trained for.

`transfer/transfer_network.py` computes the same in numpy, from the same parameters.

B = lessons, M = members, F, K = inputs of a member and of the task, m = test samples.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from spektron_jax.transfer.transfer_network import LEAST_SHARE, REACH

MISSING = -1e9  # log weight of a member that a lesson does not have


class MemberNetwork(nn.Module):
    """Offsets of log weights; a function of a set, in no order.

    Attributes:
      width: hidden units
    """

    width: int

    @nn.compact
    def __call__(self, members, task, base):
        """Offsets of members (M, F), given the task (K,) and log weights (M,), (M,)."""
        h = jnp.hstack([members, jnp.broadcast_to(task, (len(members), task.size))])
        h = nn.silu(nn.Dense(self.width, name="member_0")(h))
        h = nn.silu(nn.Dense(self.width, name="member_1")(h))
        there = base > MISSING / 2
        mean = (h * there[:, None]).sum(axis=0) / there.sum()
        pooled = jnp.concatenate([nn.softmax(base) @ h, mean, task])
        together = nn.silu(nn.Dense(self.width, name="set")(pooled))
        h = jnp.hstack([h, jnp.broadcast_to(together, (len(h), together.size))])
        h = nn.silu(nn.Dense(self.width, name="out_0")(h))
        o = nn.Dense(1, name="out_1", kernel_init=nn.initializers.zeros)(h)[:, 0]
        return REACH * jnp.tanh(o / REACH)


def missed(log_weights, errors):
    """Log of the share of the variance that is missed; (M,), (M, m) with NaN, ()."""
    weights = nn.softmax(log_weights)
    measured = jnp.isfinite(errors).all(axis=0)
    together = weights @ jnp.where(measured, errors, 0.0)
    return jnp.log(jnp.sum(together**2) / measured.sum() + LEAST_SHARE)


class Restraint(NamedTuple):
    """What keeps a network from learning single transfers by heart.

    Attributes:
      dropped: share of the members that a lesson goes without, drawn each time, so that
        no weight rests on a certain company
      noise: SD of what is added to standardised inputs
      penalty: added to the loss, times the weighted variance of the offsets
    """

    dropped: float = 0.0
    noise: float = 0.0
    penalty: float = 0.0


def make_loss(model, restraint):
    """A function of (params, batch, key): mean change of the log error, restrained."""

    def one(params, lesson, key):
        drop, *more = jax.random.split(key, 3)
        there = jnp.isfinite(lesson["base"])
        kept = there & (jax.random.uniform(drop, there.shape) >= restraint.dropped)
        kept = jnp.where(kept.any(), kept, there)
        base = jnp.where(kept, lesson["base"], MISSING)
        errors = jnp.where(kept[:, None], lesson["errors"], 0.0)
        errors = jnp.where(jnp.isnan(lesson["errors"][:1]), jnp.nan, errors)
        members, task = (
            lesson[name] + restraint.noise * jax.random.normal(own, lesson[name].shape)
            for name, own in zip(("members", "task"), more, strict=True)
        )
        offsets = model.apply({"params": params}, members, task, base)
        weights = nn.softmax(base)
        moved = weights @ (offsets - weights @ offsets) ** 2
        change = missed(base + offsets, errors) - missed(base, errors)
        return change + restraint.penalty * moved

    def loss(params, batch, key):
        keys = jax.random.split(key, len(batch["base"]))
        return jax.vmap(one, in_axes=(None, 0, 0))(params, batch, keys).mean()

    return loss


def standardised(arrays):
    """Means and SDs of the inputs over lessons, as the network's parameters name them.

    An input that hardly differs, such as a modality that never occurs, is left as it
    is.
    """
    there = np.isfinite(arrays["base"])
    found = {}
    for name, rows in (("members", arrays["members"][there]), ("task", arrays["task"])):
        sd = rows.std(axis=0)
        found[f"{name}/mean"] = rows.mean(axis=0)
        found[f"{name}/sd"] = np.where(sd > 1e-3, sd, 1.0).astype(np.float32)
    return found


def applied(arrays, scales):
    """The arrays of lessons with standardised inputs."""
    new = {
        name: (arrays[name] - scales[f"{name}/mean"]) / scales[f"{name}/sd"]
        for name in ("members", "task")
    }
    return arrays | new


def exported(params, scales):
    """Parameters and scales, flat, as the numpy half reads them."""
    flat = {
        f"{layer}/{name}": np.asarray(value, np.float32)
        for layer, values in params.items()
        for name, value in values.items()
    }
    return flat | {name: np.asarray(v, np.float32) for name, v in scales.items()}
