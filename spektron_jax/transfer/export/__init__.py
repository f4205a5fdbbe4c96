"""A fitted transfer as files that predict without Python: `ct.export`."""
