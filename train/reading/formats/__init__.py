"""The format of texts: patterns and checks as automata, what labels obey of them, and what they seem to obey."""
