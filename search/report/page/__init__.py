"""report.html: one file with charts, tables and pictures."""
