"""Bytes, URLs and PDFs become pixels here, guarded."""
