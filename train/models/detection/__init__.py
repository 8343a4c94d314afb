"""Networks that find lines in photos, and what builds each in a framework."""
