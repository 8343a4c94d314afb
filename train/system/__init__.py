"""What commands stand on: names and files, memory, clusters, the registry; none of it knows a task."""
