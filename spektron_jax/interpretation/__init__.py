"""What trained weights have learned, as arrays, and the command that reports on it."""
