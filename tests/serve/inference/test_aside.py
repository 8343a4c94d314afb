"""The detector for large pictures: less memory, and the same probabilities bit for bit."""

import numpy as np
import pytest

from serve.inference.aside import open_lean
from serve.inference.pretrained import SIZES, find_detection_graph
from train.data.geometry.detection import normalise
from train.system.onnx_session import open_session, run


@pytest.mark.parametrize("size", SIZES)
def test_it_computes_what_the_graph_computes(size: str) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (96, 160, 3), np.uint8)
    graph = find_detection_graph(size)
    expected = run(open_session(graph, 1), normalise([picture]))
    found = open_lean(graph, 1).run(None, {"picture": picture[None]})[0]
    np.testing.assert_array_equal(found, expected)
