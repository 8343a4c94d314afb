"""How many readers there is room for, and how fast they are; no cluster is started here."""

import time

import pytest

from serve.folder.pool import count_places
from serve.folder.progress import Progress
from serve.folder.settings import FolderSettings


@pytest.mark.parametrize(
    ("threads", "gpus", "there", "places"),
    [
        (1, 0, {"CPU": 3}, 3),
        (2, 0, {"CPU": 3}, 1),
        (4, 0, {"CPU": 3}, 0),
        (1, 0, {"memory": 1}, 0),
        (1, 0.4, {"CPU": 8, "GPU": 2}, 4),
        (1, 0.4, {"CPU": 3, "GPU": 2}, 3),
        (1, 2, {"CPU": 8, "GPU": 3}, 1),
        (1, 2, {"CPU": 8, "GPU": 1}, 0),
        (1, 1, {"CPU": 8}, 0),
    ],
)
def test_a_readers_cores_and_gpus_are_on_one_machine(
    threads: int, gpus: float, there: dict[str, float], places: int
) -> None:
    """Added up over a cluster, what no machine has left for a reader would make it wait for ever."""
    settings = FolderSettings(
        folder="/", images=("a",), recognition="pp-ocrv6-tiny", threads=threads, gpus=gpus
    )
    assert count_places(settings, there) == places


def test_what_comes_after_the_last_part_is_no_reading() -> None:
    progress = Progress(10, 0, lambda _: None)
    progress.add(10, time.time() - 5)
    rate = progress.rate
    time.sleep(0.01)
    assert progress.rate == rate
