"""Distances between the latent clouds of two instruments.

Sinkhorn divergence (debiased, Feydy et al. 2019) by ott-jax; for comparison maximum
mean discrepancy (Gretton et al. 2012) and CORAL (Sun & Saenko 2016). On latents of unit
length, in float32: unnormalised 128-wide ones need hundreds of Sinkhorn iterations at
epsilon 1.

Dimension legend: B batch (all devices), Z latent width.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from spektron_jax.losses.contrastive import normalise
from spektron_jax.shapes import ArrayLike, Latents

KERNELS = (0.25, 0.5, 1.0, 2.0, 4.0)  # squared widths of the Gaussians in the MMD


def transport(
    cloud_a: Latents, cloud_b: Latents, epsilon: float, kind: str = "sinkhorn"
):
    """Distance of two clouds (B, Z), a scalar, and diagnostics."""
    a, b = (normalise(cloud.astype(jnp.float32)) for cloud in (cloud_a, cloud_b))
    if kind == "mmd":
        return mmd(a, b), {}
    if kind == "coral":
        return coral(a, b), {}
    return sinkhorn(a, b, epsilon)


def mmd(a: Float[ArrayLike, "n Z"], b: Float[ArrayLike, "m Z"]) -> Float[Array, ""]:
    """Squared maximum mean discrepancy, mean over KERNELS."""

    def similarity(x, y):
        square = jnp.sum((x[:, None] - y[None]) ** 2, -1)
        return jnp.mean(jnp.stack([jnp.exp(-square / (2 * w)) for w in KERNELS]))

    return similarity(a, a) + similarity(b, b) - 2 * similarity(a, b)


def coral(a: Float[ArrayLike, "n Z"], b: Float[ArrayLike, "m Z"]) -> Float[Array, ""]:
    """Squared Frobenius distance of the covariances, plus that of the means.

    Without the paper's 1 / (4 Z^2), which would leave nothing of unit vectors, and with
    the means, which it leaves to the network's normalisation.
    """
    (mean_a, cov_a), (mean_b, cov_b) = (
        (x.mean(0), (x - x.mean(0)).T @ (x - x.mean(0)) / len(x)) for x in (a, b)
    )
    return jnp.sum((cov_a - cov_b) ** 2) + jnp.sum((mean_a - mean_b) ** 2)


def sinkhorn(
    a: Float[ArrayLike, "n Z"], b: Float[ArrayLike, "m Z"], epsilon: float
) -> tuple[Float[Array, ""], dict]:
    """Sinkhorn divergence, and if it converged."""
    from ott.geometry.pointcloud import PointCloud  # 1.5 s to import
    from ott.tools.sinkhorn_divergence import sinkhorn_divergence

    value, output = sinkhorn_divergence(
        PointCloud,
        a,
        b,
        epsilon=epsilon,
        solve_kwargs={"use_danskin": True},
    )
    return value, {"converged": jnp.mean(jnp.asarray(output.converged, jnp.float32))}
