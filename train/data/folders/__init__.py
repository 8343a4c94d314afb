"""The files of a data folder: lists and images, wherever their paths begin, and those that are not read."""
