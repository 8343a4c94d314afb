"""What speaks against training on labelled images, and how it is shown."""
