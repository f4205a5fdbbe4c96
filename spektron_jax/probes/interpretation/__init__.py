"""What single parts of a network do: oscillators, experts, saliency."""
