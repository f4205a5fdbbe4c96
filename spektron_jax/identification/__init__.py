"""Library search and classification of spectra across instruments."""
