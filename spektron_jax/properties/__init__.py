"""Properties from embeddings, against PLS on the same spectra."""
