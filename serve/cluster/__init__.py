"""A server on a Ray cluster that others use, too."""
