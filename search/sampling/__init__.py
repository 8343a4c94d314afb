"""Who proposes configurations, and who stops trials."""
