"""What benchmarks of serving share: servers of ours and of others, and their load."""
