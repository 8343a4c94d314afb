"""Whether the lines that judge an 8-bit graph are some that the network was trained on."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.contracts.format_examples import write_image
from train.data.dataset import decode_samples
from train.data.decoded.kept import FILE, write_kept_lines
from train.data.sample import Sample
from train.quantise import has_learned


@pytest.mark.parametrize(
    ("learned_val", "kept", "text", "learned"),
    [(True, "A1", "A1", True), (True, "A1", "B2", False), (True, "", "B2", True), (False, "A1", "A1", False)],
)
def test_lines_that_the_bundle_kept_of_its_validation_split_were_learned_with_it(
    tmp_path: Path, learned_val: bool, kept: str, text: str, learned: bool
) -> None:
    """Where it kept none nobody can tell, and they may have been."""
    write_image(tmp_path / "a.png", 0)
    if kept:
        write_kept_lines(decode_samples([Sample(tmp_path / "a.png", kept, "a:1")]), tmp_path / FILE)
    bundle: Any = SimpleNamespace(manifest=SimpleNamespace(learned_val=learned_val), directory=tmp_path)
    assert has_learned(bundle, [Sample(tmp_path / "a.png", text, "a:1")]) == learned
