"""Processes that help another one end with it, also where it is killed."""

import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from train.system.machine.processes import end_helpers, start_helpers

REPOSITORY = Path(__file__).resolve().parents[4]

HELPED = """
import os, signal
from train.system.machine.processes import start_helpers

pool = start_helpers(1)
os.kill(pool.submit(os.getpid).result(), signal.SIGINT)  # as Ctrl-C does, which goes to all of them
print(pool.submit(int).result(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_helpers_leave_ctrl_c_to_their_parent_and_end_with_it() -> None:
    """What they hold open, as this output, is closed when the last of them has ended."""
    command = [sys.executable, "-c", HELPED]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=REPOSITORY)
    assert (run.returncode, run.stdout) == (-signal.SIGKILL, "0\n")
    assert "Traceback" not in run.stderr


def test_helpers_can_be_ended_in_the_middle_of_what_they_do() -> None:
    with start_helpers(1) as pool:
        work = pool.submit(time.sleep, 60)
        pool.submit(int)
        while not work.running():
            time.sleep(0.01)
        end_helpers(pool)
    assert isinstance(work.exception(), BrokenProcessPool)
