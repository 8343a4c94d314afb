"""The models in the process that speaks HTTP: the same texts, and a bundle is replaced without a lost request."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from serve.inference.model import load_model
from serve.inference.recogniser import LineReader
from serve.loop.versions import Versions
from tests.serve.conftest import Server
from tests.serve.lifecycle.bundles import real_bundle
from tests.serve.lifecycle.clients import Load, post
from tests.serve.lifecycle.test_lifecycle import served
from train.data import images as pictures

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(
        tmp_path_factory.mktemp("fused") / "store", "--topology", "fused", "--recognition", "pp-ocrv6-tiny",
        "--detection", "pp-ocrv6-tiny", "--recognisers", 2, "--api-key", "sesame",
    )  # fmt: skip
    try:
        running.wait_until_ready()
        yield running
    finally:
        assert running.stop() == 0


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
    first = served(server)
    known = Versions(server.storage)  # only what served before can be promoted by name
    known.promote("recognition", "small/second", real_bundle(tmp_path / "second", "small"), lambda *_: None)
    known.rollback("recognition", lambda *_: None)
    with Load(server.url, images) as load:
        load.wait_for(10)
        answer = post(server, "/v1/models/promote", json={"bundle": "small/second"})
        assert answer.status_code == 200, answer.text
        assert served(server) != first
        load.wait_for(20)
        assert post(server, "/v1/models/rollback", json={}).status_code == 200
        assert served(server) == first
    assert not load.failed()
    texts = {json.loads(text)["result"]["lines"][0]["text"] for _, text in load.answers}
    assert len(texts) > len(images), "both models read"
    headers = {"X-API-Key": "sesame"}
    assert httpx.get(f"{server.url}/v1/models", headers=headers).json()["topology"] == "fused"
