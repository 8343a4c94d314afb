"""Who suggests configurations, and who stops trials."""
