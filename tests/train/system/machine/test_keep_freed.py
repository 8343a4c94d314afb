"""A training step takes again what the one before has freed."""

import os
import subprocess
import sys

from tests.search.driver import REPOSITORY
from train.system.machine.memory import KEEP_FREED

STEPS = """
import resource, sys, threading
from train.system.machine.memory import keep_freed
if "asked" in sys.argv:
    keep_freed()
import numpy as np

def steps(count):
    for _ in range(count):
        held = [np.ones(size * 2**20, np.uint8) for size in (3, 12, 50)]

def in_thread(count):
    thread = threading.Thread(target=steps, args=[count])
    thread.start()
    thread.join()

in_thread(2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
in_thread(20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
OWN = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}


def faults(*words: str, environment: dict[str, str] = {}) -> int:  # noqa: B006 - only read
    """Return the pages that the system had to give to twenty steps in a thread."""
    command = [sys.executable, "-c", STEPS, *words]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=OWN | environment, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_a_step_in_a_thread_takes_the_pages_that_the_last_one_freed() -> None:
    usual = faults()
    assert faults("asked") < 0.05 * usual
    assert faults(environment=dict(KEEP_FREED)) < 0.05 * usual
    own = {"MALLOC_MMAP_MAX_": "65536", "MALLOC_MMAP_THRESHOLD_": "1000000"}
    assert faults("asked", environment=own) > 0.5 * usual, "what the user has said stays"


def test_processes_of_a_cluster_that_a_search_starts_keep_what_they_free_and_go_as_first_as_it() -> None:
    """What the user has said stays; no process is behind others, and none sees a GPU that it was not given."""
    own = {"MALLOC_ARENA_MAX": "3"}
    said = (
        "import os, ray\n"
        "from search.preflight.cluster import start_ray\n"
        "start_ray()\n"
        "said = ('MALLOC_', 'CUDA_VISIBLE')\n"
        "get = ray.remote(lambda: [f'{n}={v}' for n, v in os.environ.items() if n.startswith(said)])\n"
        "nice = ray.remote(lambda: os.nice(0))\n"
        "print(*ray.get(get.remote()), f'behind={ray.get(nice.remote()) - os.nice(0)}')"
    )
    environment = OWN | {"RAY_ADDRESS": "local"} | own
    command = [sys.executable, "-c", said]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
    )
    wanted = {f"{name}={value}" for name, value in (KEEP_FREED | own).items()} | {
        "behind=0",
        "CUDA_VISIBLE_DEVICES=",
    }
    assert set(done.stdout.splitlines()[-1].split()) == wanted
