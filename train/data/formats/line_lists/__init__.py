"""Lines, each in an image of its own, whose labels stand together in one file."""
