"""The export of the largest network is tried before the first trial, as an estimate."""

import time
from pathlib import Path

import pytest
import ray

from search.preflight.probing.rehearsal import Rehearsal, begin_rehearsals, choose_largest, find_slowest
from spaces.space import load_space
from tests import real_lines


@pytest.mark.slow
def test_a_network_is_built_written_and_compared_and_a_failure_ends_no_study(
    data_dir: Path, tmp_path: Path, local_cluster: None, capsys: pytest.CaptureFixture[str]
) -> None:
    space = load_space("recognition").with_fixed(
        {"engine": "paddle", "model": "pp-ocrv6-tiny", "charset": "domain", "technique.name": "lora"}
    )
    shared = ray.put(real_lines.few_lines(data_dir, train=8, val=4))
    assert find_slowest(begin_rehearsals(space, shared, str(tmp_path)), most_s=300) is not None
    assert capsys.readouterr().out == ""
    lost = begin_rehearsals(space.with_fixed({"weights": "/nowhere"}), shared, str(tmp_path))
    assert find_slowest(lost, most_s=300) is None
    [told] = capsys.readouterr().out.splitlines()
    assert "could not be tried" in told
    assert "/nowhere" in told
    late = ray.remote(num_cpus=0)(lambda: time.sleep(600)).remote()
    assert find_slowest([ray.put(Rehearsal(1, 1)), late], most_s=0) is None
    assert "longer than the models' readings" in capsys.readouterr().out
    with pytest.raises(ray.exceptions.RayError):
        ray.get(late)


def test_the_largest_network_is_tried() -> None:
    space = load_space("recognition")
    assert choose_largest(space) == {"model": "pp-ocrv6-small", "charset": "keep"}
    assert choose_largest(space.with_choices("charset", ["domain"])) == {"model": "pp-ocrv6-small"}
    assert choose_largest(load_space("detection")) == {"model": "pp-ocrv6-small-det"}


def test_adapters_of_a_large_network_are_not_tried() -> None:
    space = load_space("recognition").with_fixed({"engine": "torch-language"})
    assert begin_rehearsals(space, None, "") == []


def test_of_several_engines_the_slowest_counts(local_cluster: None) -> None:
    fast, slow = Rehearsal(build_s=5, export_s=1), Rehearsal(build_s=4, export_s=9)
    assert find_slowest([ray.put(fast), ray.put(slow)], most_s=60) == slow
    assert find_slowest([], most_s=60) is None
