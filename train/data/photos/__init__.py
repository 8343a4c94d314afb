"""Photos with regions: what a label says, what a kept photo is, squares and maps to train on."""
