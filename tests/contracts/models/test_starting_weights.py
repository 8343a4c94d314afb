"""Weights that people bring start a model as they are: PaddleOCR's checkpoints, its inference folders, and ours."""

import importlib.util
import pickle
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.contracts.models.networks import LARGEST_DIFFERENCE, Array, read
from tests.real_lines import config, few_lines
from train import export
from train.checkpoint import Checkpoint, load_checkpoint
from train.data.charset import Charset
from train.engine import GROUPS
from train.errors import ModelError
from train.loop import assemble
from train.models import MODELS
from train.models.network import Arrays
from train.models.published import PublishedModel
from train.models.torch_network import shared_name
from train.models.weights.pdparams import read_pdparams, write_pdparams
from train.models.weights.starting import published_charset

FRAMEWORKS = ("paddle", "torch")
LANGUAGES = [name for name in MODELS.names() if "_PP-OCRv5" in str(MODELS.get(name).published_name())]


def model_of(name: str) -> PublishedModel:
    model = MODELS.get(name)
    assert isinstance(model, PublishedModel)
    return model


@cache
def paddlex_file(name: str) -> Any:
    """Return a module of paddlex's converter; the package around it would take seconds to import."""
    paddlex = importlib.util.find_spec("paddlex")
    assert paddlex is not None
    assert paddlex.origin is not None
    path = Path(paddlex.origin).parent / "modules/base/utils/pdparams2safetensors" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def converted_by_paddlex(path: Path, published: str) -> Arrays:
    """Return what paddlex's own converter makes of a training checkpoint, by shared name."""
    mapping, family = paddlex_file("mapping"), published.upper().replace("-", "")
    rules = getattr(mapping, f"{family.replace('_MEDIUM_', '_SMALL_')}_MAPPING")
    arrays = {
        n: a
        for n, a in read_pdparams(path).items()
        if not n.startswith(tuple(mapping.SERVER_REC_DROP_PREFIXES))
    }
    arrays = mapping.rename_bn_keys(arrays)
    if "v6" in published:
        arrays = paddlex_file("fusion").fuse_v6_rec_state_dict(arrays)
    return {shared_name(name): array for name, array in mapping.apply_key_mapping(arrays, rules).items()}


def checkpoint_of(name: str, data_dir: Path, folder: Path) -> Path:
    """Write a checkpoint of the wheel's weights with a head for a few lines, as a search leaves it."""
    settings = config(model=name, engine="torch")
    engine, _ = assemble(settings, few_lines(data_dir).train)
    Checkpoint(settings, engine.charset, 1, {}, engine.state()).save(folder)
    return folder


def assert_as_paddlex_has_it(path: Path, model: PublishedModel) -> None:
    """Hold what is read from a checkpoint against paddlex's converter, but for branches, which it leaves apart."""
    theirs, ours = converted_by_paddlex(path, model.published), model._of_pdparams(path)
    same = theirs.keys() & ours.keys()
    assert len(same) > len(ours) / 2
    assert model.branched or same == theirs.keys() == ours.keys()
    for name in (name for name in same if "conv_symmetric" not in name):
        assert np.abs(theirs[name] - ours[name]).max() < 1e-4 * (1 + np.abs(ours[name]).max()), name


def test_a_character_that_the_weights_lack_starts_as_the_published_model_has_it(
    data_dir: Path, tmp_path: Path
) -> None:
    name = "pp-ocrv6-tiny"
    source, data = checkpoint_of(name, data_dir, tmp_path / "checkpoint"), few_lines(data_dir).train
    cut, model = load_checkpoint(source).charset, model_of(name)
    assert cut.unknown("-")
    more = replace(data, texts=(f"-{data.texts[0]}", *data.texts[1:]))
    for settings, comes in (({}, True), ({"technique": {"name": "lora"}}, False)):
        engine, _ = assemble(
            config(model=name, engine="torch", weights=str(source), charset="keep", **settings), more
        )
        assert engine.charset.characters == (*cut.characters, "-")
        published = model.network("torch", None).arrays()[f"{model.head}.weight"]
        row = published[:, model.charset(None).characters.index("-") + 1]
        assert np.allclose(engine.weights()[f"{model.head}.weight"][:, -1], row) is comes


def test_a_training_checkpoint_of_paddleocr_is_written_and_read_as_its_source(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command holds what it wrote against its source on real lines."""
    name = "pp-ocrv6-tiny"
    model, source = model_of(name), checkpoint_of(name, data_dir, tmp_path / "checkpoint")
    labels = data_dir / "vin" / "rec_gt_val.txt"
    few = tmp_path / "few.txt"
    rows = labels.read_text("utf-8").splitlines()[:4]
    few.write_text("".join(f"{labels.parent / row}\n" for row in rows), "utf-8")
    export.main(
        [str(source), str(tmp_path / "ppocr"), "--labels", str(few), "--as", "pdparams", "--engine", "torch"]
    )
    assert "largest difference" in (said := capsys.readouterr().out)
    assert "Global.use_space_char=false" in said
    path = tmp_path / "ppocr" / "best_accuracy.pdparams"
    assert model.charset(path) == model.charset(source)
    assert_as_paddlex_has_it(path, model)


@pytest.mark.parametrize("name", ["pp-ocrv5-mobile", "pp-ocrv6-medium", "pp-ocrv5-server"])
def test_every_network_starts_from_a_checkpoint_in_either_framework(
    name: str, tmp_path: Path, real_images: list[Array]
) -> None:
    """Of what no wheel ships, with random weights: settings, names and groups are those of the published network."""
    model, charset = model_of(name), Charset(tuple("ABC "))
    published = paddlex_file("model_config").MODEL_CONFIGS[model.published]["backbone_config"]
    assert published | model.settings["backbone_config"] | {"conv_symmetric_num": 1} == published | {
        "conv_symmetric_num": 1
    }
    made = model._empty("paddle", model._settings_for(charset))
    some = real_images[1][:2]
    write_pdparams(
        model.as_ppocr(made, lambda: made.logits(made.tensor(some)))
        | {"head.gtc_head.embedding.weight": np.zeros(3)},
        tmp_path / "x.pdparams",
    )
    (tmp_path / "dict.txt").write_text("A\nB\nC\n", "utf-8")
    assert model.charset(tmp_path) == charset
    for framework in FRAMEWORKS:
        network = model.network(framework, tmp_path / "x")
        assert np.abs(read(network, some) - read(made, some)).max() < LARGEST_DIFFERENCE
        assert {model.group(array) for array in network.arrays()} == set(GROUPS)
    assert_as_paddlex_has_it(tmp_path / "x.pdparams", model)


def test_languages_are_the_mobile_network_with_other_dictionaries() -> None:
    assert len(LANGUAGES) == 11
    mobile, every = model_of("pp-ocrv5-mobile"), [model_of(name) for name in LANGUAGES]
    assert all(
        (m.layer_class, m.settings, m.names) == (mobile.layer_class, mobile.settings, mobile.names)
        for m in every
    )
    assert len({model.dictionary_file for model in every}) == len(every)  # type: ignore[attr-defined]


@pytest.mark.slow
def test_an_inference_folder_of_paddleocr_starts_a_model(
    data_dir: Path, tmp_path: Path, real_images: list[Array]
) -> None:
    model, data = model_of("pp-ocrv6-tiny"), few_lines(data_dir)
    engine, task = assemble(config(charset="keep"), data.train)
    engine.export(tmp_path)
    task.write_settings(tmp_path, model.published, engine.charset)
    (tmp_path / "inference.onnx").unlink()
    assert model.charset(tmp_path) == model.charset(None)
    for framework in FRAMEWORKS:
        network = model.network(framework, tmp_path)
        for images in real_images:
            assert np.abs(read(network, images) - engine.predict(images)).max() < LARGEST_DIFFERENCE


def test_a_dictionary_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """The one that the checkpoint's own configuration names counts, too; without any, the published one."""
    model = model_of("pp-ocrv6-tiny")
    arrays = {f"head.ctc_head.fc2.{role}": np.zeros(5, np.float32) for role in ("weight", "bias")}
    path = tmp_path / "output" / "latest.pdparams"
    write_pdparams(arrays, path)
    with pytest.raises(
        ModelError, match=r"5 classes, and 6904 characters in the published.*as dict\.txt: 4 char"
    ):
        model.charset(path)
    (tmp_path / "mine.txt").write_text("A\nB\nC\n", "utf-8")
    theirs = {"Global": {"character_dict_path": "mine.txt"}}
    (tmp_path / "output" / "config.yml").write_text(yaml.safe_dump(theirs), "utf-8")
    assert model.charset(path) == Charset(tuple("ABC "))
    with pytest.raises(ModelError, match=r"must hold the weights of PP-OCRv6_tiny_rec, got missing"):
        model.network("torch", path)


class Harmful:
    def __reduce__(self) -> Any:
        return print, ("it ran",)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (pickle.dumps({"a": Harmful()}), "it asks for builtins.print"),
        (pickle.dumps([1]), "list"),
        (pickle.dumps({"a": 1}), "no arrays"),
        (b"PK\x03\x04", "must be a training checkpoint"),
        (b"", "must be a training checkpoint"),
    ],
)
def test_a_checkpoint_is_read_without_running_it(
    content: bytes, fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.pdparams"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=fault):
        read_pdparams(path)
    assert "it ran" not in capsys.readouterr().out


def test_what_paddle_saves_is_read(tmp_path: Path) -> None:
    import paddle

    layer = paddle.nn.Linear(2, 3)
    paddle.save(layer.state_dict(), str(tmp_path / "x.pdparams"))
    found = read_pdparams(tmp_path / "x.pdparams")
    assert {name: array.shape for name, array in found.items()} == {"weight": (2, 3), "bias": (3,)}
    write_pdparams(found, tmp_path / "y.pdparams")
    assert np.array_equal(paddle.load(str(tmp_path / "y.pdparams"))["weight"].numpy(), found["weight"])


def test_a_character_twice_in_a_published_dictionary_is_the_later_one() -> None:
    """PP-OCRv5's Arabic dictionary has some; the Thai one has two characters in a line."""
    charset = published_charset(["A", "B", "A", "xy"], classes=6)
    assert charset.characters[1:] == ("B", "A", "xy", " ")
    assert charset.encode("AB ") == [3, 2, 5]
    assert published_charset(["A"], classes=2).characters == ("A",)
