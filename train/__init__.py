"""Training, evaluation and export of OCR models."""
