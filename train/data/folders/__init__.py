"""What lies in a data folder: lists and images, wherever their paths begin, and what is not read."""
