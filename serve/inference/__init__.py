"""Models in onnxruntime: sessions, reader, detector, orienter, and the replicas that hold them."""
