"""Where the models run, by what is asked for and what there is."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from serve.environment import HAPROXY_FILES, count_replica_ports, prepare
from serve.settings import Limits, Settings
from serve.topology import Layout, choose_layout


@pytest.mark.parametrize(
    ("asked", "cluster", "gpus", "cores", "layout"),
    [
        ("auto", False, None, 2, Layout("fused", 2, spares=1)),
        ("auto", False, None, 7, Layout("fused", 2, spares=1)),
        ("auto", False, None, 16, Layout("fused", 4)),
        ("auto", False, 1, 16, Layout("graph", 1)),
        ("auto", True, None, 16, Layout("graph", 1)),
        ("graph", False, None, 16, Layout("graph", 1)),
        ("fused", True, None, 16, Layout("fused", 1)),
        ("fused", False, 4, 16, Layout("fused", 4)),
        ("fused", False, 0, 16, Layout("fused", 1)),
    ],
)
def test_machine_and_wish_decide_the_layout(
    asked: str, cluster: bool, gpus: int | None, cores: int, layout: Layout
) -> None:
    assert choose_layout(asked, cluster=cluster, gpus=gpus, cores=cores) == layout


@pytest.mark.parametrize("cores", [1, 203, 204, 1024])
def test_every_process_and_its_replacement_has_a_port(cores: int) -> None:
    layout = choose_layout("auto", cluster=False, gpus=None, cores=cores)
    assert count_replica_ports(cores) >= 2 * layout.processes


def test_haproxys_files_are_one_servers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's lie in a folder of the first user's; who writes to the socket there commands HAProxy."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_SERVE_")}
    monkeypatch.setattr(os, "environ", environment)
    folder = prepare("127.0.0.1", 8000, seconds=0.5)
    assert environment["RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S"] == "31", "whole, and no request is cut short"
    assert folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert all(Path(environment[name]).is_relative_to(folder) for name in HAPROXY_FILES)
    path = f"{folder}/{56 * '0'}/admin.sock.4194304.tmp"  # as HAProxy binds it, below a node's number
    assert len(path) < 108
    shutil.rmtree(folder)


def test_a_clusters_haproxy_needs_no_folder_here(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_SERVE_")}
    monkeypatch.setattr(os, "environ", environment)
    assert prepare("127.0.0.1", 8000, seconds=0.5, cluster=True) is None
    assert not environment.keys() & HAPROXY_FILES.keys()


def test_a_process_that_stands_by_takes_no_part() -> None:
    one = Settings(
        topology="fused", processes=2, spares=1, recognisers=3, limits=Limits(queued=5)
    ).of_a_process()
    assert (one.limits.queued_here, one.recognisers_each, one.cores_alone) == (5, 3, None)


def test_processes_share_what_holds_for_all_requests_together_and_nothing_else() -> None:
    whole = Settings(topology="fused", processes=2, recognisers=3, limits=Limits(queued=5))
    one = whole.of_a_process()
    assert (whole.limits.queued_here, one.limits.queued_here, one.recognisers_each) == (5, 3, 2)
    assert 2 * one.limits.bytes_here == whole.limits.bytes_here
    assert one.limits.answer_bytes == whole.limits.answer_bytes  # of a single answer
    graph = Settings(topology="graph", recognisers=3)
    assert (graph.recognisers_each, graph.gpus_each) == (3, 0)


@pytest.mark.parametrize(
    ("share", "gpus", "recognisers"), [(0.25, 1, 3), (0.25, 4, 15), (1, 4, 3), (2, 8, 3), (0.5, 0, 1)]
)
def test_recognisers_fill_the_gpus_of_a_machine(share: float, gpus: int, recognisers: int) -> None:
    settings = Settings(gpus_per_replica=share).fill_gpus(gpus)
    assert settings.recogniser_replicas == recognisers
    assert settings.gpus <= gpus or not gpus
    assert Settings(gpus_per_replica=share, recognisers=2).fill_gpus(gpus).recogniser_replicas == 2
    assert Settings().fill_gpus(gpus) == Settings()
