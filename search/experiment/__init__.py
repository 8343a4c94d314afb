"""The Ray Tune run and its callbacks."""
