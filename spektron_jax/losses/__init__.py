"""The seven pretraining losses. Each takes arrays and returns (values, diagnostics).

Values are per example, (B,), or one scalar for a loss over the whole batch; diagnostics
is a dict of scalars for the log.
"""
