"""The search as a Ray job on a cluster of its own: what is uploaded, where it runs, and that it ends with a bundle."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import real_lines
from tests.search.driver import REPOSITORY, Process, label_arguments

pytestmark = pytest.mark.slow
BIN = Path(sys.executable).parent
PATH = f"{BIN}{os.pathsep}{os.environ['PATH']}"
# Neither this folder nor PYTHONPATH may stand in for what a job carries.
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0", "RAY_ADDRESS": "", "PATH": PATH, "PYTHONPATH": "",
    "RAY_agent_register_timeout_ms": "300000",  # on a busy machine a node ends itself after the usual 30 s
}  # fmt: skip
UPLOAD_LIMIT = 5 * 2**20
HEAD_PORTS = ("port", "dashboard-port", "ray-client-server-port")
# A port that an agent chooses by itself has to be known after 15 s, which takes longer on a busy machine.
NODE_PORTS = (
    "dashboard-agent-listen-port", "dashboard-agent-grpc-port", "metrics-export-port", "runtime-env-agent-port"
)  # fmt: skip
NODES = ("127.0.0.1", "127.0.0.2")
SPACE = """\
fixed: {task: recognition, model: pp-ocrv6-tiny, charset: domain, epochs: 1, batch_size: 16}
parameters:
  augmentation.operations: {choice: [[only_in_the_clone]]}
  optimiser.learning_rate: {float: [1.0e-4, 1.0e-3], log: true}
"""
AUGMENTATION = '''"""Something that no other copy of the project has."""

from train.data.augment import AUGMENTATIONS


@AUGMENTATIONS.register("only_in_the_clone")
def only_in_the_clone(image, strength, rng):
    """Leave the line as it is."""
    return image.copy()
'''


@dataclass(frozen=True)
class Cluster:
    """A running head node, and others.

    Attributes:
        address: of its dashboard, which takes jobs.
        port: that other nodes join at.
        folder: with a folder of sessions for each node, for each unpacks a job's files anew, over those of another; not
            Ray's usual one, where other programs look for a cluster to join.
        environment: what its programs and those that talk to it are started with.
    """

    address: str
    port: int
    folder: Path
    environment: Mapping[str, str]


@contextmanager
def cluster(folder: Path, nodes: int, **environment: str) -> Iterator[Cluster]:
    """Start nodes of one core with ports and a folder of their own; end them and nothing else."""
    variables = ENVIRONMENT | environment
    ports = dict(zip(HEAD_PORTS, free_ports(len(HEAD_PORTS)), strict=True))
    found = Cluster(f"http://127.0.0.1:{ports['dashboard-port']}", ports["port"], folder, variables)
    with ExitStack() as running:
        head = running.enter_context(node(found, 0, "--head", *options(ports)))
        wait_for_jobs(found, head)
        for number in range(1, nodes):
            running.enter_context(node(found, number, "--address", f"{NODES[0]}:{found.port}"))
        yield found


def options(ports: Mapping[str, int]) -> list[object]:
    return [word for name, port in ports.items() for word in (f"--{name}", port)]


@contextmanager
def node(of: Cluster, number: int, *arguments: object) -> Iterator[Process]:
    ports = dict(zip(NODE_PORTS, free_ports(len(NODE_PORTS)), strict=True))
    run = Process(
        BIN / "ray", "start", "--block", "--num-cpus", 1, "--node-ip-address", NODES[number], *arguments,
        *options(ports), "--min-worker-port", 0, "--max-worker-port", 0, "--temp-dir", of.folder / str(number),
        environment=of.environment,
    )  # fmt: skip
    try:
        yield run
    finally:
        run.signal(signal.SIGTERM)
        run.wait(120)


@pytest.fixture
def session() -> Iterator[Path]:
    """A folder with a short name, as Ray's sockets need it."""
    folder = Path(tempfile.mkdtemp(prefix="head-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for_jobs(of: Cluster, run: Process) -> None:
    """Wait until the head takes jobs, or asks who we are."""
    until = time.monotonic() + 180
    while True:
        try:
            with urllib.request.urlopen(f"{of.address}/api/jobs/", timeout=5):  # noqa: S310 - our own address
                return
        except urllib.error.HTTPError as error:
            if error.code == 401:
                return
        except OSError:
            pass
        assert time.monotonic() < until, run.output
        time.sleep(0.5)


def submit(to: Cluster, clone: Path, *words: object, environment: Mapping[str, str] | None = None) -> Process:
    """Submit a command as the README says, from a clone."""
    return Process(
        BIN / "ray", "job", "submit", "--address", to.address, "--working-dir", ".", "--", *words,
        environment=to.environment if environment is None else environment, cwd=clone,
    )  # fmt: skip


def fresh_clone(folder: Path) -> Path:
    """Copy what git tracks, changes included, and add an augmentation that only this copy has."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    for name in names.splitlines():
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPOSITORY / name, folder / name)
    (folder / "train/data/augment/only_in_the_clone.py").write_text(AUGMENTATION, encoding="utf-8")
    (folder / "spaces/only-in-the-clone.yaml").write_text(SPACE, encoding="utf-8")
    (folder / ".venv").mkdir()
    (folder / ".venv/large").write_bytes(bytes(2 * UPLOAD_LIMIT))
    return folder


def copied_lines(data_dir: Path, folder: Path) -> Path:
    """Write label lists of a few real lines beside copies of their images; return their folder."""
    for split, count in (("train", 24), ("val", 12)):
        lines = []
        for sample in real_lines.samples(data_dir, split=split, count=count):
            (folder / "images").mkdir(parents=True, exist_ok=True)
            shutil.copyfile(sample.path, folder / "images" / sample.path.name)
            lines.append(f"images/{sample.path.name}\t{sample.text}\n")
        (folder / f"rec_gt_{split}.txt").write_text("".join(lines), encoding="utf-8")
    return folder


def test_a_search_runs_as_a_job_on_two_nodes_that_ask_for_a_token(
    data_dir: Path, tmp_path: Path, session: Path
) -> None:
    """Once decoded, the images are taken away: a trial that decoded for itself would fail."""
    clone, labels = fresh_clone(tmp_path / "clone"), copied_lines(data_dir, tmp_path / "labels")
    home = {"RAY_AUTH_MODE": "token", "HOME": str(tmp_path)}
    token = Process(BIN / "ray", "get-auth-token", "--generate", environment=ENVIRONMENT | home)
    assert token.wait() == 0, token.output
    with cluster(session, 2, **home) as found:
        job = submit(
            found, clone, "python", "search/run.py", *label_arguments(labels), "--space", "only-in-the-clone",
            "--test-fraction", 0, "--trials", 2, "--storage", tmp_path, "--name", "job",
        )  # fmt: skip
        job.wait_for("untouched:")
        (labels / "images").rename(labels / "gone")
        assert job.wait(500) == 0, job.output
        check_upload(session)
        stranger = submit(found, clone, "true", environment=found.environment | {"HOME": str(session)})
        assert stranger.wait() != 0, "a job without the token was taken"
    check_result(tmp_path / "job")


def check_result(study: Path) -> None:
    """Both nodes trained a trial, with what only the clone has."""
    summary = json.loads((study / "summary.json").read_text(encoding="utf-8"))
    assert [(trial["state"], trial["epochs"]) for trial in summary["trials"]] == [("finished", 1)] * 2
    operations = [trial["config"]["augmentation"]["operations"] for trial in summary["trials"]]
    assert operations == [["only_in_the_clone"]] * 2
    last = [path.read_text("utf-8").splitlines()[-1] for path in study.glob("*/result.json")]
    assert len({json.loads(line)["node_ip"] for line in last}) == len(NODES)
    assert (study / "best" / "inference.onnx").is_file()


def test_a_job_needs_no_token_where_none_is_asked_for(tmp_path: Path, session: Path) -> None:
    with cluster(session, 1, RAY_AUTH_MODE="disabled", HOME=str(tmp_path)) as found:
        job = submit(found, fresh_clone(tmp_path / "clone"), "python", "search/run.py", "--help")
        assert job.wait() == 0, job.output
        assert "--time-budget TIME" in job.output


def check_upload(folder: Path) -> None:
    """The job carried the project to every node, and neither the environment, nor the history, nor results."""
    found = folder.glob("*/session_2*/runtime_resources/working_dir_files/*")
    packages = [path for path in found if path.is_dir()]
    assert len(packages) == len(NODES)
    package = packages[0]
    assert (package / "search" / "run.py").is_file()
    assert not {".git", ".venv", "runs"} & {path.name for path in package.iterdir()}
    assert sum(path.stat().st_size for path in package.rglob("*") if path.is_file()) < UPLOAD_LIMIT
