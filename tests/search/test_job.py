"""The search as a Ray job on a cluster of its own: what is uploaded, where it runs, and that it ends with a bundle."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests import real_lines
from tests.search.driver import REPOSITORY, Process, label_arguments
from tests.search.machines.job_cluster import BIN, ENVIRONMENT, NODES, Cluster, cluster

pytestmark = pytest.mark.slow
UPLOAD_LIMIT = 5 * 2**20
SPACE = """\
fixed: {task: orientation, model: tiny-orientation, engine: torch, epochs: 1, batch_size: 16}
parameters:
  augmentation.operations: {choice: [[only_in_the_clone]]}
  optimiser.learning_rate: {float: [1.0e-4, 1.0e-3], log: true}
"""
MODEL = """

MODELS.register(NAME)(TinyOrientation())
"""
AUGMENTATION = '''"""Something that no other copy of the project has."""

import os
import time
from pathlib import Path

from train.data.augment import AUGMENTATIONS

MET = Path({met!r})


@AUGMENTATIONS.register("only_in_the_clone")
def only_in_the_clone(image, strength, rng):
    """Leave the line as it is, once another trial trains, too."""
    (MET / str(os.getpid())).touch()
    until = time.monotonic() + 300
    while len(list(MET.iterdir())) < 2:
        assert time.monotonic() < until, "no other trial began"
        time.sleep(0.1)
    return image.copy()
'''


@pytest.fixture
def session() -> Iterator[Path]:
    """A folder with a short name, as Ray's sockets need it."""
    folder = Path(tempfile.mkdtemp(prefix="head-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def submit(to: Cluster, clone: Path, *words: object, environment: Mapping[str, str] | None = None) -> Process:
    """Submit a command as the README says, from a clone."""
    return Process(
        BIN / "ray", "job", "submit", "--address", to.address, "--working-dir", ".", "--", *words,
        environment=to.environment if environment is None else environment, cwd=clone,
    )  # fmt: skip


def fresh_clone(folder: Path) -> Path:
    """Copy what git tracks, changes included, and add a model and an augmentation that only this copy has.

    The augmentation waits for a second process: a node once trained both trials before the other began.
    """
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    for name in names.splitlines():
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPOSITORY / name, folder / name)
    met = folder.with_name("met")
    met.mkdir()
    (folder / "train/data/augment/only_in_the_clone.py").write_text(
        AUGMENTATION.format(met=str(met)), encoding="utf-8"
    )
    model = (REPOSITORY / "tests/tiny_orientation.py").read_text(encoding="utf-8")
    (folder / "train/models/only_in_the_clone.py").write_text(model + MODEL, encoding="utf-8")
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
        job.wait_for("baseline:")
        (labels / "images").rename(labels / "gone")
        assert job.wait(500) == 0, job.output
        check_upload(session, job.output)
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


def check_upload(folder: Path, output: str) -> None:
    """The job carried the project to every node, and neither the environment, nor the history, nor results."""
    found = folder.glob("*/session_2*/runtime_resources/working_dir_files/*")
    packages = [path for path in found if path.is_dir()]
    assert len(packages) == len(NODES), output
    package = packages[0]
    assert (package / "search" / "run.py").is_file()
    assert not {".git", ".venv", "runs", "tests"} & {path.name for path in package.iterdir()}
    # What Python compiled there was not carried.
    carried = [path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert sum(path.stat().st_size for path in carried) < UPLOAD_LIMIT
