"""What the time of a server is put down to."""

from collections import Counter

import pytest

from benchmarks.profile_serving import NO_PYTHON, Part, count_samples, divide

STACKS = [
    "run (asyncio/runners.py:118);read (serve/inference/recogniser.py:105);run (onnxruntime/capi/collection.py:372) 6",
    "read_lines (serve/reading/services.py:69);decode (train/data/images.py:20) 2",
    "main (somewhere.py:1) 2",
]


def test_a_sample_is_in_its_innermost_frame_that_is_known() -> None:
    assert count_samples(STACKS) == {"the model": 6, "picture: decoded, resized": 2, "other": 2}


def test_what_python_took_is_divided_by_the_samples_of_its_role() -> None:
    took = {
        Part(1, "ingress", frozenset({1})): Counter({"Python": 1.0, NO_PYTHON: 0.5}),
        Part(2, "HAProxy", frozenset()): Counter({"Python": 0.5}),
    }
    rows = divide(took, {"ingress": count_samples(STACKS)}, lines=100)
    found = {(row["process"], row["in"]): (row["ms a line"], row["share"]) for row in rows}
    assert found["ingress", "the model"] == pytest.approx((6, 0.3))
    assert found["ingress", NO_PYTHON] == pytest.approx((5, 0.25))
    assert found["HAProxy", "all"] == pytest.approx((5, 0.25))
