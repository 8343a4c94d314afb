"""Photos with regions, with a label file each."""
