"""Networks that tell which way up a line is, and what builds each in a framework."""
