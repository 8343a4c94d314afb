"""Which samples form a batch, of which sets, how wide."""
