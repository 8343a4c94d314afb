"""HTTP: bundles behind Ray Serve, read by onnxruntime; no training framework is imported here."""
