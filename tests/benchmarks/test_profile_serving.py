"""What the time of a server is put down to."""

import pytest

from benchmarks.profile_serving import NO_PYTHON, Part, count_samples, divide

SAMPLES = [
    "thread (7): MainThread;run (asyncio/runners.py:118);Door.__call__ (serve/api/door.py:74) 3",
    "thread (7): MainThread;read_lines (serve/reading/services.py:69);decode (train/data/images.py:20) 1",
    "thread (8);LineReader.read (serve/inference/recogniser.py:105);run (onnxruntime/capi/collection.py:372) 6",
    "thread (8);main (somewhere.py:1) 2",
]


def test_a_sample_is_in_its_innermost_frame_that_is_known() -> None:
    assert count_samples(SAMPLES) == {
        7: {"HTTP, JSON": 3, "picture: decoded, resized": 1},
        8: {"the model": 6, "other": 2},
    }


def test_what_a_thread_took_is_divided_by_its_samples() -> None:
    took = {Part(1, "ingress"): {7: 0.4, 8: 0.8, 9: 0.3}, Part(2, "HAProxy"): {2: 0.5}}
    rows = divide(took, count_samples(SAMPLES), lines=100)
    found = {(row["process"], row["in"]): (row["ms a line"], row["share"]) for row in rows}
    assert found["ingress", "the model"] == pytest.approx((6, 0.3))
    assert found["ingress", "HTTP, JSON"] == pytest.approx((3, 0.15))
    assert found["ingress", NO_PYTHON] == pytest.approx((3, 0.15))
    assert found["HAProxy", "all"] == pytest.approx((5, 0.25))
