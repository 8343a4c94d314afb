"""All models in one process that speaks HTTP, and in one that stands by: the same texts, and no request is lost when a
bundle is replaced or the process dies. It is what one machine gets that names no topology.
"""

import base64
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from serve.inference.model import load_model
from serve.inference.recogniser import LineReader
from tests.serve.conftest import Server
from tests.serve.lifecycle.bundles import real_bundle
from tests.serve.lifecycle.clients import KEY, Load, post, replace_and_take_back
from train.data import images as pictures

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(
        tmp_path_factory.mktemp("fused") / "store", "--recognition", "pp-ocrv6-tiny",
        "--detection", "pp-ocrv6-tiny", "--recognisers", 2, "--api-key", "sesame",
    ) as running:  # fmt: skip
        yield running


def test_it_reads_what_a_reader_of_its_own_reads(server: Server, images: list[str], data_dir: Path) -> None:
    reader = LineReader(model := load_model("recognition", "pp-ocrv6-tiny"), 1)
    lines = [pictures.decode(base64.b64decode(image), "line") for image in images]
    sized = [pictures.resize_line(line, model.min_width_px) for line in lines]
    expected = [reading.text for reading in reader.read(sized, [0] * len(sized))]
    answer = post(server, "/recognize", json={"images": images}).json()
    assert [line["text"] for line in answer["result"]["lines"]] == expected
    (photo, *_) = sorted((data_dir / "receipts" / "det_images").glob("*.jpg"))
    file = base64.b64encode(photo.read_bytes()).decode()
    (page,) = post(server, "/ocr", json={"file": file, "fileType": 1}).json()["result"]["ocrResults"]
    assert len(page["prunedResult"]["rec_texts"]) > 10


def test_a_bundle_is_replaced_and_taken_back_under_load(
    server: Server, images: list[str], tmp_path: Path
) -> None:
    replace_and_take_back(server, images, real_bundle(tmp_path / "second", "small"))
    answer = httpx.get(f"{server.url}/v1/models", headers=KEY).json()
    assert (answer["topology"], answer["processes"], answer["spares"]) == ("fused", 2, 1)


def test_a_killed_process_loses_no_request_and_nothing_that_was_counted(
    server: Server, images: list[str]
) -> None:
    with Load(server.url, images) as load:
        find_working(server, load).kill()
        load.wait_for(60)
        answers = len(load.answers)
    assert not load.failed()
    counted = httpx.get(f"{server.url}/metrics", headers=KEY).text.splitlines()
    (lines,) = (float(line.split()[1]) for line in counted if line.startswith("ocrtune_lines_total "))
    assert lines >= answers


def find_working(server: Server, load: Load) -> psutil.Process:
    """Return the process that all requests go to, as soon as it alone works: the other one may still change models."""
    until = time.monotonic() + 120
    while True:
        before = cpu_times(server)
        load.wait_for(20)
        after = cpu_times(server)
        worked = {process: after[process] - before.get(process, 0.0) for process in after}
        working, *spares = sorted(worked, key=lambda process: -worked[process])
        if len(spares) == 1 and worked[working] > 2 * worked[spares[0]]:
            return working
        assert time.monotonic() < until, worked


def cpu_times(server: Server) -> dict[psutil.Process, float]:
    """Return the seconds that each process that speaks HTTP has worked."""
    found = {}
    for process in psutil.Process(server.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # another one may end meanwhile
            if "ocr:Ingress" in "".join(process.cmdline()):
                found[process] = sum(process.cpu_times()[:2])
    return found
