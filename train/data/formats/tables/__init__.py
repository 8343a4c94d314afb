"""Tables: a row an image or a region, as CSV, JSON or Parquet."""
