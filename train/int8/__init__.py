"""Products of a graph in 8 bits: found, measured, chosen and written; onnx and onnxruntime alone."""
