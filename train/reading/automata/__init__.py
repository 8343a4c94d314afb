"""Which texts may be written: patterns and lists as automata over the classes of a charset."""
