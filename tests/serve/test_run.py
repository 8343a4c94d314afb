"""The command line: every wrong option is one line, before anything is started."""

import errno
import fcntl
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from serve.arguments import parser
from serve.claims import claim_port, claim_storage
from serve.run import KEYS, find_sources, settings_of
from serve.settings import Settings, require_resources
from tests.conftest import ROOT
from tests.serve.conftest import free_port
from train.errors import UsageError


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--max-pages 0", "--max-pages should be greater than or equal to 1, got 0"),
        ("--threads 0", "--threads should be"),
        ("--recognisers 0", "--recognisers should be"),
        ("--gpus -1", "--gpus should be"),
        ("--gpus nan", "--gpus should be"),
        ("--max-body-mb nan", "--max-body-mb must be a positive number, got nan"),
        ("--max-body-mb inf", "--max-body-mb must be"),
        ("--max-decoded-mb 0", "--max-decoded-mb must be"),
        ("--max-megapixels -5", "--max-megapixels must be"),
        ("--max-seconds 0", "--max-seconds should be"),
        ("--api-key=", "must not be empty"),
        ("--url-host http://example.com/", "--url-host should"),
        ("--allow-host https://ocr.example", "--allow-host should be a name or an address"),
        ("--allow-host ocr.example:8443", "--allow-host should"),
        ("--allow-host 10.0.0.1:8443", "--allow-host should"),
        ("--allow-host *.ocr.example", "--allow-host should"),
        ("--allow-host ocr.example --host http://0.0.0.0", "--host should be a name or an address"),
    ],
)
def test_a_wrong_value_is_told_with_its_option(words: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        settings_of(parser().parse_args(words.split()))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_and_addresses_may_be_asked_for() -> None:
    chosen = parser().parse_args(["--allow-host", "OCR.example.", "--allow-host", "[fe80::1]"])
    assert {"ocr.example", "fe80::1", "::1"} <= {*settings_of(chosen).hosts}


def test_keys_may_have_blanks_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEYS, "a, b")
    assert settings_of(parser().parse_args(["--api-key", "c"])).api_keys == ("c", "a", "b")


@pytest.mark.parametrize(
    ("host", "port", "told"),
    [
        ("127.0.0.1", 70_000, "--port must be 1 to 65535, got 70000"),
        ("127.0.0.1", 0, "--port must be"),
        ("192.0.2.1", 8000, "an address of this machine"),
        ("no such host", 8000, "an address of this machine"),
        ("", 8000, "--host must be an address to listen on, got ''"),
    ],
)
def test_a_place_that_cannot_be_listened_on(host: str, port: int, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        claim_port(host, port)


def test_a_port_is_kept_until_haproxy_has_it() -> None:
    """A second server is refused while the first one starts; HAProxy, which shares the port, is not."""
    port = free_port()
    kept = claim_port("127.0.0.1", port)
    assert kept
    with kept, socket.socket() as proxy:
        with pytest.raises(UsageError, match="--port must be free"):
            claim_port("127.0.0.1", port)
        proxy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        proxy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        proxy.bind(("127.0.0.1", port))
        proxy.listen()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"gpus_per_replica": 1}, "leave --gpus out"),
        ({"gpus_per_replica": 1.5}, "whole number"),
        ({"recognisers": 100}, "lower --recognisers"),
    ],
)
def test_replicas_that_would_wait_for_ever_are_refused(fields: dict[str, float], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        require_resources(Settings.model_validate(fields), [{"CPU": 2, "GPU": 0}])
    require_resources(Settings(gpus_per_replica=0.5), [{"CPU": 2, "GPU": 1}])


@pytest.mark.parametrize(
    ("fields", "apart", "together"),
    [
        ({"gpus_per_replica": 2, "recognisers": 1}, [1, 1, 1, 1], [2, 2]),
        ({"gpus_per_replica": 0.3, "topology": "fused", "processes": 3, "recognisers": 3}, [1, 1], [1, 1, 1]),
    ],
)
def test_gpus_that_are_left_over_here_and_there_hold_no_replica(
    fields: dict[str, Any], apart: list[int], together: list[int]
) -> None:
    settings = Settings.model_validate(fields)
    assert settings.gpus <= sum(apart)
    with pytest.raises(UsageError, match="each those of one machine"):
        require_resources(settings, [{"CPU": 8, "GPU": gpus} for gpus in apart])
    require_resources(settings, [{"CPU": 8, "GPU": gpus} for gpus in together])


STOPPED_TWICE = """
import os, signal, sys, threading, time, types
from pathlib import Path
from serve import run

def interrupt():
    while signal.getsignal(signal.SIGTERM) in (signal.SIG_DFL, signal.SIG_IGN):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)

def stop(_):  # a request is under way, and its server is told again to end
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(600)

sys.modules["serve.app"] = types.SimpleNamespace(stop=stop)
threading.Thread(target=interrupt, daemon=True).start()
run._wait(None, Path(sys.argv[1]))
"""


def test_a_second_signal_ends_it_at_once_and_leaves_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "haproxy"
    folder.mkdir()
    (folder / "admin.sock").touch()
    done = subprocess.run([sys.executable, "-c", STOPPED_TWICE, folder], cwd=ROOT, check=False, timeout=60)
    assert done.returncode == -signal.SIGTERM
    assert not list(tmp_path.iterdir())


def test_a_storage_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "afile").write_bytes(b"")
    with pytest.raises(UsageError, match=r"--storage must be .*afile.*Not a directory"):
        find_sources(Settings(storage=tmp_path / "afile" / "sub"), anew=False)


def test_a_storage_is_one_servers_alone(tmp_path: Path) -> None:
    claim = claim_storage(tmp_path / "runs")
    claim.name("127.0.0.1:8000")
    with pytest.raises(UsageError, match=r"one server's alone, got .*the server on 127\.0\.0\.1:8000 keeps"):
        claim_storage(tmp_path / "runs")
    claim.give_back()
    assert claim_storage(tmp_path / "runs").left_behind == ""


def test_a_storage_without_locks_is_not_taken_for_another_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    claim_storage(tmp_path).give_back()
    assert "its file system has no locks" in capsys.readouterr().err


def test_a_killed_servers_port_is_waited_for(tmp_path: Path) -> None:
    """Only where that server is gone and had this port: any other one that listens there is told at once."""
    port = free_port()
    place = f"127.0.0.1:{port}"
    claim = f"claim_storage(Path({str(tmp_path)!r})).name({place!r})"
    code = f"from serve.claims import *; {claim}; os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT)
    left = claim_storage(tmp_path).left_behind
    assert left == place
    with socket.socket() as proxy:
        proxy.bind(("127.0.0.1", port))
        proxy.listen()
        with pytest.raises(UsageError, match="--port must be free"):
            claim_port("127.0.0.1", port, "127.0.0.1:1")
        ending = threading.Timer(0.3, proxy.close)
        ending.start()
        kept = claim_port("127.0.0.1", port, left)
    assert kept
    kept.close()
