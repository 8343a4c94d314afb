"""The PaddlePaddle engine."""
