"""From pixels to readings: pages, the queue of lines, words, pictures."""
