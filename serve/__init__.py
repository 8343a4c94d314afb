"""The endpoint that serves bundles."""
