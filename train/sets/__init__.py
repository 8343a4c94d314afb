"""From labels to the sets of a run, the same for a search and for one training."""
