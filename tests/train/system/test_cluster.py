"""A cluster that does not answer, and a folder too deep for Ray: said at once, in a line."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from train.errors import UsageError
from train.system import cluster


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of what takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    "address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nowhere.invalid:6379", "x", "x:y", ":1", ""]
)
def test_a_cluster_that_is_not_there_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="RAY_ADDRESS must name a Ray cluster that answers") as raised:
        cluster.require_cluster(address, "RAY_ADDRESS")
    assert len(str(raised.value).splitlines()) == 1


def test_what_does_not_answer_is_refused(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "ANSWER_S", 0.5)
    with pytest.raises(UsageError, match=f"--address .* got {silent}: no answer within"):
        cluster.require_cluster(silent, "--address")


def test_a_folder_too_deep_for_sockets_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", "/" + "d" * 60)
    with pytest.raises(UsageError, match=r"TMPDIR must have at most 39 bytes.*RAY_TMPDIR=/tmp"):
        cluster.require_ray_folder()
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")  # noqa: S108
    cluster.require_ray_folder()
    monkeypatch.setenv("RAY_TMPDIR", "/proc/none")
    with pytest.raises(UsageError, match="RAY_TMPDIR must be a folder that can be written"):
        cluster.require_ray_folder()


def test_a_home_that_cannot_be_written_has_a_token_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(cluster.TOKEN, "")  # is put back afterwards
    monkeypatch.delenv(cluster.TOKEN)
    cluster.find_room_for_token()
    assert cluster.TOKEN not in os.environ
    monkeypatch.setenv("HOME", "/proc/self")
    cluster.find_room_for_token()
    assert len(os.environ[cluster.TOKEN]) == 64
