"""The format of texts: what is declared of them, checks, what labels obey of that, and what they seem to obey."""
