"""Images decoded once: in memory, or in mapped files."""
