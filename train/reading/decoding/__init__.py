"""The best texts of CTC probabilities under automata and language models."""
