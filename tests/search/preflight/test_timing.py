"""The export is tried before the first trial."""

from pathlib import Path

import pytest
import ray

from search.preflight.timing import Rehearsal, begin_rehearsals, find_slowest
from spaces.space import load_space
from tests import real_lines


@pytest.mark.slow
def test_a_network_is_built_written_and_compared(data_dir: Path, local_cluster: None) -> None:
    space = load_space("recognition").with_fixed({"engine": "paddle", "technique.name": "lora"})
    shared = ray.put(real_lines.few_lines(data_dir, train=8, val=4))
    [found] = ray.get(list(begin_rehearsals(space, shared).values()))
    assert found.build_s > 0
    assert found.export_s > 0


def test_adapters_of_a_large_network_are_not_tried() -> None:
    space = load_space("recognition").with_fixed({"engine": "torch-language"})
    assert begin_rehearsals(space, None) == {}


def test_of_several_engines_the_slowest_counts() -> None:
    fast, slow = Rehearsal(build_s=5, export_s=1), Rehearsal(build_s=4, export_s=9)
    assert find_slowest([fast, slow]) == slow
    assert find_slowest([]) is None
