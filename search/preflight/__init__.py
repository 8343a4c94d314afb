"""What is known before a trial: the data, their fingerprint, the space, what models read and cost."""
