"""What takes too long to build is left out; tried with onnxruntime's own provider, as there need be no GPU here."""

import numpy as np

from serve.inference.pretrained import find_recognition_graph
from serve.runtime.building import builds
from train.system.onnx_session import CPU


def test_a_session_that_is_not_built_in_time_is_left_out() -> None:
    graph, line = find_recognition_graph("tiny"), np.zeros((1, 3, 48, 40), np.float32)
    assert builds(graph, CPU, [line], seconds=300)
    assert not builds(graph, CPU, [line], seconds=0)
