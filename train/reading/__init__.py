"""What is known of the texts that a model reads, and how that decides what a line says: format, checks, language."""
