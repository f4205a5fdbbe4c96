"""Training: the only layer that knows data, models and losses together."""
