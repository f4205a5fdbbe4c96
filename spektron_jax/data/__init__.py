"""Data sets and batches: numpy and h5py only, so that threads can run them."""
