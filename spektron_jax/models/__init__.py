"""The network: embedding, D-LinOSS backbone, experts, transformer, bottleneck, heads."""
