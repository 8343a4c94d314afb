"""What was found: frozen data and how it is ranked; no Ray, nothing read or written."""
