"""How well samples are done: metrics, intervals, thresholds."""
