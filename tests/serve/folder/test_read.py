"""The command line on real Ray: what it reads, what it says, and that nothing is lost when it is killed."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
import ray
from ray import cloudpickle

from serve import read
from serve.folder import reading
from serve.folder.parts import folder_of
from serve.folder.places import File, unpack
from serve.folder.pool import PartReader, dump_records, read_parts
from serve.folder.readers import PageFiles
from serve.folder.rows import make_record
from serve.folder.settings import LINES_A_PART, FolderSettings
from serve.inference.model import load_model
from serve.inference.recogniser import LineReader
from tests.serve.intake.crafted import paged, picture
from train.data import images
from train.system.cli import run

pytestmark = [pytest.mark.slow, pytest.mark.cluster]
REPOSITORY = Path(__file__).resolve().parent.parent.parent.parent
MODEL = "pp-ocrv6-tiny"
KEPT = "kept from the first run"


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Give the commands that run in this process a cluster of their own, one for all."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"RAY_ADDRESS": "local", "RAY_USAGE_STATS_ENABLED": "0"}.items():
            patch.setenv(name, value)
        patch.setattr(signal, "signal", lambda *_: None)  # a command sets its own handler
        yield
    ray.shutdown()


@pytest.fixture(scope="module")
def lines(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of some parts: real lines again and again, one that is damaged and one that is not there."""
    rows = (data_dir / "vin" / "rec_gt_val.txt").read_text(encoding="utf-8").splitlines()[:40]
    names = [str(data_dir / "vin" / row.split("\t")[0]) for row in rows]
    folder = tmp_path_factory.mktemp("lines")
    (folder / "damaged.png").write_bytes(b"no picture")
    (folder / "list.txt").write_text("\n".join([*names, "damaged.png", "missing.png", *names * 18]))
    return folder / "list.txt"


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(row) for row in path.read_text(encoding="utf-8").splitlines()]


def kill_when_a_part_is_kept(command: list[str], folder: Path) -> Path:
    """Start a reading, kill it in the middle, and return the first part that it left."""
    process = subprocess.Popen(
        [sys.executable, "serve/read.py", *command], cwd=REPOSITORY, start_new_session=True
    )
    until = time.monotonic() + 300
    while not (kept := sorted(folder.glob("0*.jsonl"))):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    return kept[0]


def test_a_killed_reading_goes_on_where_it_was(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "texts.jsonl"
    command = [str(lines), "--recognition", MODEL, "--output", str(output), "--readers", "2"]
    part = kill_when_a_part_is_kept(command, folder_of(output))
    assert not output.exists()
    told = [json.loads(row) for row in part.read_text().splitlines()]
    for record in told:
        for page in record.get("pages", ()):
            page["lines"][0]["text"] = KEPT
    part.write_text("".join(json.dumps(record) + "\n" for record in told))

    assert run(read.main, command) == 2
    assert "interrupted reading" in capsys.readouterr().err
    output.write_text("of somebody else")
    assert run(read.main, [*command, "--resume"]) == 2
    assert output.read_text() == "of somebody else"
    output.unlink()
    other = [*command, "--resume", "--decode", "raw"]
    assert run(read.main, other) == 2
    assert "--decode raw, begun with text-model" in capsys.readouterr().err
    assert run(read.main, [*command, "--resume"]) == 0
    assert not folder_of(output).exists()

    names = lines.read_text().split("\n")
    found = rows_of(output)
    assert [row["path"] for row in found] == [name for name in names if "/" in name]
    errors = rows_of(tmp_path / "texts.errors.jsonl")
    assert [row["path"] for row in errors] == ["damaged.png", "missing.png"]
    kept = {index for index, row in enumerate(found) if row["text"] == KEPT}
    assert len(kept) == sum("pages" in record for record in told)
    texts = read_one_by_one(names[:40])
    assert all(row["text"] == texts[row["path"]] for index, row in enumerate(found) if index not in kept)
    assert f"{len(names) - 2:,} of {len(names):,} files read" in capsys.readouterr().out
    assert run(read.main, command) == 2  # nothing is written over
    assert run(read.main, [*command, "--resume"]) == 0  # and nothing is left to do


def read_one_by_one(names: list[str]) -> dict[str, str]:
    """Return the texts of lines as the recogniser reads each alone."""
    reader = LineReader(load_model("recognition", MODEL), 1)
    shown = {name: images.resize_line(images.read(Path(name)), reader.model.min_width_px) for name in names}
    return {name: reader.read([line], [0])[0].text for name, line in shown.items()}


class Deadly(PartReader):
    """A reader that one of the files ends, and that sees nothing in the others."""

    def __init__(self, settings: dict[str, Any]) -> None:
        pass

    def __call__(self, batch: pa.Table) -> dict[str, list[Any]]:
        (part,), (packed,) = batch["part"].to_pylist(), batch["files"].to_pylist()
        if any("damaged" in file.name for file in unpack(packed)):
            os._exit(3)
        records = [make_record(file.name, [[]]) for file in unpack(packed)]
        return {"part": [part], "records": [dump_records(records)], "began": [time.time()]}


def test_a_file_that_ends_its_reader_costs_no_other(
    lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    monkeypatch.setattr(reading, "read_parts", partial(read_parts, kind=Deadly))
    few = lines.with_name("few.txt")
    names = lines.read_text().split("\n")[: LINES_A_PART + 2]
    few.write_text("\n".join(names))
    output = tmp_path / "out.csv"
    assert run(read.main, [str(few), "--recognition", MODEL, "--output", str(output), "--readers", "2"]) == 0
    assert len(output.read_text().splitlines()) == len(names)  # a head, and a row of every other one
    (told,) = rows_of(tmp_path / "out.errors.jsonl")
    assert (told["path"], told["error"][:29]) == ("damaged.png", "a file must leave its reader ")


def test_nothing_to_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    command = [str(tmp_path / "empty"), "--recognition", MODEL, "--output", str(tmp_path / "out.jsonl")]
    assert run(read.main, command) == 1
    assert "there must be a picture to read" in capsys.readouterr().err
    assert not folder_of(tmp_path / "out.jsonl").exists()
    assert run(read.main, [*command[:-1], "out.txt"]) == 2


def test_pages_are_read_as_they_are_served(serve_url: str, data_dir: Path, tmp_path: Path) -> None:
    photo = next((data_dir / "receipts").rglob("*.jpg"), None) or next(
        (data_dir / "vin_photo").rglob("*.jpg")
    )
    (tmp_path / "two.tiff").write_bytes(paged("TIFF", [picture(), picture(120, 90)]))
    (tmp_path / "bad.png").write_bytes(b"no picture")
    paths = [photo, tmp_path / "two.tiff", tmp_path / "bad.png"]
    settings = FolderSettings(folder="", images=(), recognition="pp-ocrv6-small", detection="pp-ocrv6-small")
    first, second, bad = PageFiles(settings).read([File(path.name, str(path)) for path in paths])
    file = base64.b64encode(photo.read_bytes()).decode()
    answer = httpx.post(
        f"{serve_url}/ocr", json={"file": file, "fileType": 1, "visualize": False}, timeout=60
    )
    served = answer.json()["result"]["ocrResults"][0]["prunedResult"]
    (page,) = first["pages"]
    assert [line["text"] for line in page["lines"]] == served["rec_texts"]
    assert [line["box"] for line in page["lines"]] == served["rec_polys"]
    assert len(second["pages"]) == 2
    assert "a file must be a PNG" in bad["error"]
