"""Networks that read lines, and what builds each in a framework."""
