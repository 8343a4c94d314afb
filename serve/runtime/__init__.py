"""onnxruntime: its providers, sessions, and what of them this machine runs fastest."""
