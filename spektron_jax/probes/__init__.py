"""What latent codes know: probes, disentanglement, swaps, interpretation."""
