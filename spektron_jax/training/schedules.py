"""Schedules over the run: learning rate, bottleneck beta, reversal strength alpha.

All take a traced step and return a float32 scalar.
"""

import jax.numpy as jnp
import optax


def phases(train):
    """Steps that train everything, and steps after them that train the heads alone."""
    return (0, train.steps) if train.separate else (train.steps, train.head_steps)


def warmup_steps(optim, steps):
    """min(warmup_steps, warmup_fraction of the run)."""
    return min(optim.warmup_steps, int(optim.warmup_fraction * steps))


def learning_rate(optim, steps):
    """Linear warm-up, then cosine to `final_fraction` of the peak, over `steps`."""
    return optax.warmup_cosine_decay_schedule(
        init_value=0.0,
        peak_value=optim.learning_rate,
        warmup_steps=warmup_steps(optim, steps),
        decay_steps=max(steps, 1),
        end_value=optim.final_fraction * optim.learning_rate,
    )


def beta(losses, steps):
    """Weight of the KL.

    cosine: from beta_start to beta_end over beta_fraction of the run, then constant.
    cyclical (Fu et al. 2019): beta_cycles times up from beta_end to beta_start over
    the first half of a cycle, then level; constant at beta_end after beta_fraction.
    constant: beta_end throughout.
    """
    span = losses.beta_fraction * steps
    low, high = losses.beta_end, losses.beta_start

    def cosine(step):
        share = jnp.minimum(step / span, 1.0)
        return low + 0.5 * (high - low) * (1 + jnp.cos(jnp.pi * share))

    def cyclical(step):
        phase = (step * losses.beta_cycles / span) % 1.0
        rise = low + (high - low) * jnp.minimum(2 * phase, 1.0)
        return jnp.where(step < span, rise, low)

    def constant(step):
        return jnp.full_like(step, low, jnp.float32)

    kinds = {"cosine": cosine, "cyclical": cyclical, "constant": constant}
    return kinds[losses.beta_schedule]


def alpha(losses, steps):
    """Reversal strength: `reversal` times 2 / (1 + exp(-gamma p)) - 1 (Ganin 2016).

    p = step / steps.
    """
    gamma = losses.reversal_gamma
    return lambda step: losses.reversal * jnp.tanh(0.5 * gamma * step / steps)
