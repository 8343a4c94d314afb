"""Photos with regions, whose labels stand together in one file."""
