"""Which trial wins, what is combined with it, and what is proved of it."""
