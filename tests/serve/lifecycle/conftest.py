"""A server of this folder's own, with a key and low limits: its replicas die, its bundles change, it retrains."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import real_lines
from tests.serve.conftest import Server
from tests.serve.lifecycle.bundles import exported_bundle


@pytest.fixture(scope="package")
def server(
    tmp_path_factory: pytest.TempPathFactory, data_dir: Path, detection_bundle: Path
) -> Iterator[Server]:
    """Bundles that were exported here, both of them; it ends with this folder."""
    folder = tmp_path_factory.mktemp("life")
    first = exported_bundle(data_dir, folder / "first")
    with Server(
        folder / "store", "--recognition", first, "--detection", detection_bundle, "--recognisers", 2,
        "--topology", "graph", "--api-key", "sesame", "--max-body-mb", 1, "--max-pages", 2,
    ) as running:  # fmt: skip
        yield running


@pytest.fixture(scope="package")
def images(data_dir: Path) -> list[str]:
    samples = real_lines.samples(data_dir, split="val", count=12)
    return [base64.b64encode(sample.path.read_bytes()).decode() for sample in samples]
