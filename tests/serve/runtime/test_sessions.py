"""Sessions: what a large batch took goes back to the system."""

import numpy as np

from serve.inference.pretrained import find_detection_graph
from serve.runtime.sessions import ElasticSession, Session
from tests.serve.memory import resident_mib
from train.system.onnx_session import CPU


def test_what_a_page_took_is_given_back() -> None:
    session = Session(find_detection_graph("tiny"), CPU, 1)
    usual = np.zeros((1, 3, 64, 64), np.float32)
    session.run(usual)
    elastic = ElasticSession(session, session, usual)
    elastic.run(np.zeros((1, 3, 1280, 1280), np.float32), alone=True)
    grown = resident_mib()
    elastic.shrink()
    assert resident_mib() < grown - 50
