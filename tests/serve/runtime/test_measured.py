"""What one process of a server measured counts for the others, for a while."""

import os
import time
from pathlib import Path

import pytest

from serve.inference.pretrained import find_recognition_graph
from serve.runtime.measured import FRESH_S, keep, place_of, recall
from serve.runtime.tuning import blank, open_elastic


def test_the_next_one_takes_over_what_the_first_one_found(monkeypatch: pytest.MonkeyPatch) -> None:
    graphs, work = {"float32": find_recognition_graph("tiny")}, blank((3, 48, 40))
    first, found = open_elastic(graphs, work, 1, batches=(1, 2), cores=2)
    monkeypatch.delattr("serve.runtime.tuning.open_tuned")  # it measures
    session, taken = open_elastic(graphs, work, 1, batches=(1, 2), cores=2)
    assert taken == found
    assert session.run(work(2)[0], alone=True).shape[0] == 2
    for elastic in (first, session):
        options = [one._session.get_session_options() for one in elastic._sessions]
        spins = [one.get_session_config_entry("session.intra_op.allow_spinning") for one in options]
        assert spins == ["0", "1"], "threads wait awake only while nothing else runs"


def test_it_counts_for_the_same_models_and_work_and_not_for_long(tmp_path: Path) -> None:
    graph, other = tmp_path / "graph", tmp_path / "other"
    graph.write_bytes(b"a")
    other.write_bytes(b"b")
    lines = blank((3, 48, 40))(1)
    place = place_of({"float32": graph}, lines, 1)
    keep(place, {"threads": 1})
    assert recall(place) == {"threads": 1}
    assert recall(place_of({"float32": other}, lines, 1)) is None
    assert recall(place_of({"float32": graph}, blank((3, 48, 48))(1), 1)) is None
    assert recall(place_of({"float32": graph}, lines, 2)) is None
    now = time.time()
    os.utime(place, (now, now - FRESH_S - 1))
    assert recall(place) is None
