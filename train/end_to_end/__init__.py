"""Photos read end to end: lines found, cut, read, scored."""
