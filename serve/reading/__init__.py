"""From pixels to an answer: pages, the queue of lines, words, pictures."""
