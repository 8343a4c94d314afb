"""What fits the time and the machine: decisions without side effects."""
