"""A trained network in use: restore, embed, features, adaptation, neighbours."""
