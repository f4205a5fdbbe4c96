"""Optimal transport between the latent clouds of two instruments.

Debiased Sinkhorn divergence (Feydy et al. 2019) by ott-jax, on latents of unit length,
in float32. Unnormalised 128-wide latents need hundreds of iterations at epsilon 1.

Dimension legend: B batch (all devices), Z latent width.
"""

import jax.numpy as jnp

from spektron_jax.losses.contrastive import normalise


def transport(cloud_a, cloud_b, epsilon):
    """Sinkhorn divergence of two clouds (B, Z), a scalar, and if it converged."""
    from ott.geometry.pointcloud import PointCloud  # 1.5 s to import
    from ott.tools.sinkhorn_divergence import sinkhorn_divergence

    value, output = sinkhorn_divergence(
        PointCloud,
        normalise(cloud_a.astype(jnp.float32)),
        normalise(cloud_b.astype(jnp.float32)),
        epsilon=epsilon,
        solve_kwargs={"use_danskin": True},
    )
    return value, {"converged": jnp.mean(jnp.asarray(output.converged, jnp.float32))}
