"""What a text is made of: its one form, the order it is read in, letters that look alike, repairs."""
