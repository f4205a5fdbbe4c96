"""The disentanglement audit and the deployment checklist of trained weights."""
