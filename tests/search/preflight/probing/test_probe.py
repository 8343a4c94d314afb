"""What a model is probed in, and which of its readings count."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from search.preflight.probing.probe import ProbeReading, drop_chance
from search.records.result import Baseline
from tests.search.driver import REPOSITORY
from train.config import TrialConfig
from train.scoring.regions import RegionScores, hmean
from train.system.machine.memory import KEEP_FREED

PROBE = """
import sys
from pathlib import Path
from search.preflight.probing.probe import probe_model
from tests import real_lines
from train.system.machine.memory import MB, give_back, own_bytes, peak_bytes
probe_model("pp-ocrv6-tiny", real_lines.config(engine="torch"), [], real_lines.few_lines(Path(sys.argv[1])))
left = own_bytes()
give_back()
print((left - own_bytes()) // MB, peak_bytes() // MB)
"""


def test_a_process_that_has_probed_holds_nothing_for_the_next_one(data_dir: Path) -> None:
    """Ray keeps it as long as the search lasts."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(data_dir)],
        cwd=REPOSITORY, env=os.environ | KEEP_FREED, capture_output=True, text=True, check=True,
    )  # fmt: skip
    kept, peak = map(int, done.stdout.split()[-2:])
    assert kept < 0.05 * peak


def reading(found_beside: int, *, better: int = 0, tuned: bool = False) -> ProbeReading:
    """Return how ten photos of one text each are read; in so many of them nothing is found beside it."""
    rows = np.ones((10, 5))
    rows[better:, 1] += found_beside
    baseline = Baseline(
        model="pp-ocrv6-tiny-det", charset="keep", tuned=tuned, scores=RegionScores.measured(rows)
    )
    return ProbeReading(TrialConfig(task="detection"), baseline, rows, None, 0.0)


@pytest.mark.parametrize(("photos", "kept"), [(0, [False]), (5, [False]), (10, [False, True])])
def test_thresholds_that_few_photos_chose_count_where_they_are_significantly_better(
    photos: int, kept: list[bool]
) -> None:
    """Of five photos that differ nothing is shown: what suits them need not suit any others."""
    published, tuned = reading(3), reading(3, better=photos, tuned=True)
    assert [one.baseline.tuned for one in drop_chance([published, tuned], lambda s: hmean(s[:3]))] == kept
    assert drop_chance([published], lambda s: hmean(s[:3])) == [published]
