"""The export of the largest network is tried before the first trial, as an estimate."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from search.experiment.live import wait_for
from search.preflight import probe
from search.preflight.timing import Rehearsal, begin_rehearsals, choose_largest, find_slowest
from spaces.space import load_space
from tests import real_lines, real_photos
from train.loop import assemble


@pytest.mark.slow
def test_a_network_is_built_written_and_compared_and_a_failure_ends_no_study(
    data_dir: Path, local_cluster: None, capsys: pytest.CaptureFixture[str]
) -> None:
    space = load_space("recognition").with_fixed(
        {"engine": "paddle", "model": "pp-ocrv6-tiny", "charset": "domain", "technique.name": "lora"}
    )
    shared = ray.put(real_lines.few_lines(data_dir, train=8, val=4))
    assert find_slowest(begin_rehearsals(space, shared), wait_for) is not None
    assert capsys.readouterr().out == ""
    lost = begin_rehearsals(space.with_fixed({"weights": "/nowhere"}), shared)
    assert find_slowest(lost, wait_for) is None
    [told] = capsys.readouterr().out.splitlines()
    assert "could not be tried" in told
    assert "/nowhere" in told


def test_the_largest_network_is_tried() -> None:
    space = load_space("recognition")
    assert choose_largest(space) == {"model": "pp-ocrv6-small", "charset": "keep"}
    assert choose_largest(space.with_choices("charset", ["domain"])) == {"model": "pp-ocrv6-small"}
    assert choose_largest(load_space("detection")) == {"model": "pp-ocrv6-small-det"}


def test_adapters_of_a_large_network_are_not_tried() -> None:
    space = load_space("recognition").with_fixed({"engine": "torch-language"})
    assert begin_rehearsals(space, None) == {}


def test_of_several_engines_the_slowest_counts() -> None:
    fast, slow = Rehearsal(build_s=5, export_s=1), Rehearsal(build_s=4, export_s=9)
    assert find_slowest({}, lambda _: [fast, slow]) == slow
    assert find_slowest({}, lambda _: []) is None


def test_to_choose_thresholds_is_timed(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, choose = [0.0], probe.choose_settings

    def chosen(*given: Any) -> Any:
        now[0] += 100
        return choose(*given)

    monkeypatch.setattr(probe, "choose_settings", chosen)
    monkeypatch.setattr(probe, "time", SimpleNamespace(monotonic=lambda: now[0]))
    data, config = real_photos.few_photos(data_dir), real_photos.config()
    readings = probe.read_start(*assemble(config, data.train), config, data, untrained=False)
    assert [(reading.baseline.tuned, reading.seconds) for reading in readings] == [(False, 0), (True, 100)]
