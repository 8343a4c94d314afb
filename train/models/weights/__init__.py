"""Where weights come from, and what turns those of others into ours."""
