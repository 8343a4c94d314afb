"""What a study tells: summary.json, the terminal's table and advice; page/ is report.html."""
