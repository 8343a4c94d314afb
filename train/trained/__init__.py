"""A trained network, or a bundle, at work: read with, tuned, given a text model."""
