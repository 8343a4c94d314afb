"""What this project costs, measured against doing the same by hand."""
