"""What a model is probed in."""

import os
import subprocess
import sys
from pathlib import Path

from tests.search.driver import REPOSITORY
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
