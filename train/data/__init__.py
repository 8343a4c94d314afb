"""From label files to arrays."""
