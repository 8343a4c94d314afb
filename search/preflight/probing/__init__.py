"""What pretrained models read, and what training, exporting and serving them costs here: measured before a trial."""
