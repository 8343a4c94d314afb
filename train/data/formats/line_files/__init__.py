"""Lines, each in an image of its own, with a label each: in a file beside it, or in its name."""
