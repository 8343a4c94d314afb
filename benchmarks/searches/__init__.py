"""What benchmarks of searches share: their lines, their simulation, their charts."""
