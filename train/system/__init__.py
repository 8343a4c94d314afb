"""What commands stand on: names and files, clusters, the registry, the machine; none of it knows a task."""
