"""The network: embedding, D-LinOSS, experts, transformer, bottleneck, heads."""
