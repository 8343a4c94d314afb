"""HTTP: the door, the routes, the bodies of requests."""
