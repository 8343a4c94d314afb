"""Corrections, retraining on them, and the versions of a model."""
