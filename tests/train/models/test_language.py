"""Vision-language models: adapters alone are trained, kept and exported; on the real architecture, tiny and random."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from serve.inference.model import load_model
from tests.real_lines import Epoch, config, few_lines, run, samples
from tests.tiny_language import CHARACTERS, save_tiny
from train import evaluate as evaluate_command
from train import run as train_command
from train.bundle import ONNX, PADDLEOCR, SETTINGS, load_bundle
from train.checkpoint import load_checkpoint
from train.config import TrialConfig
from train.engine import GROUPS
from train.engines.choice import resolve
from train.errors import CheckpointError, ModelError, UsageError
from train.export import export_checkpoint
from train.loop import TrainingData, assemble
from train.models import MODELS
from train.steps.validation import evaluate
from train.tasks.transcription import written

ADAPTERS = {"lora_A", "lora_B"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def data(data_dir: Path) -> TrainingData:
    return few_lines(data_dir, val=2)


def settings(weights: Path | None, **changes: Any) -> TrialConfig:
    chosen = {
        "task": "transcription",
        "engine": "torch-language",
        "model": "deepseek-ocr-2",
        "weights": str(weights) if weights else None,
        "technique": {"name": "lora", "options": {"rank": 8, "alpha": 16, "groups": 5}},
        "optimiser": {"learning_rate": 1e-2},
    }
    return config(**chosen | changes)


@pytest.fixture(scope="module")
def trained(weights: Path, data: TrainingData) -> list[Epoch]:
    return run(settings(weights), data)


@pytest.mark.slow
def test_adapters_alone_learn_and_are_kept(trained: list[Epoch]) -> None:
    (first, half), (last, end) = trained
    assert last["loss"] < first["loss"]
    assert "val_loss" not in last, "what was written does not tell how likely the label was"
    names = set(end.state["weights"])
    assert {name.split(".")[-3] for name in names} == ADAPTERS
    assert {name.split(".")[-4] for name in names} == {"q_proj", "k_proj", "v_proj", "o_proj"}
    assert {MODELS.get("deepseek-ocr-2").group(name) for name in names} == {"backbone.late", "head"}
    assert all((half.state["weights"][name] != end.state["weights"][name]).any() for name in names)


def test_the_base_stays_as_it_was(weights: Path, data: TrainingData) -> None:
    engine: Any = assemble(settings(weights), data.train)[0]
    frozen = {
        n: p.detach().clone() for n, p in engine._network.named_parameters() if n not in engine._learning
    }
    assert frozen
    task = assemble(settings(weights), data.train)[1]
    engine.apply_plan(dict.fromkeys(GROUPS, 1.0))
    engine.train_step(task.batch(data.train, np.arange(4), 1), 1e-2, update=True)
    after = dict(engine._network.named_parameters())
    assert all((after[name] == value).all() for name, value in frozen.items())


def test_a_frozen_group_has_no_gradient(weights: Path, data: TrainingData) -> None:
    engine, task = assemble(settings(weights), data.train)
    engine.apply_plan(dict.fromkeys(GROUPS, 0.0) | {"head": 1.0})
    before = engine.weights()
    engine.train_step(task.batch(data.train, np.arange(4), 1), 1e-2, update=True)
    after = engine.weights()
    changed = {name for name in before if (before[name] != after[name]).any()}
    assert changed
    assert all("language_model" in name for name in changed)


@pytest.mark.slow
def test_a_resumed_run_ends_bit_for_bit_where_an_uninterrupted_one_does(
    trained: list[Epoch], weights: Path, data: TrainingData, tmp_path: Path
) -> None:
    trained[0][1].save(tmp_path / "half")
    [(metrics, resumed)] = run(settings(weights), data, load_checkpoint(tmp_path / "half"))
    assert metrics["loss"] == trained[1][0]["loss"]
    for part in ("weights", "optimiser"):
        whole = trained[1][1].state[part]
        assert whole.keys() == resumed.state[part].keys()
        assert all(np.array_equal(whole[name], array) for name, array in resumed.state[part].items())


@pytest.mark.slow
def test_a_texts_line_is_read_alike_in_any_company(weights: Path, data: TrainingData) -> None:
    engine, task = assemble(settings(weights), data.train)
    batch = task.evaluation_batch(data.train, np.arange(4))
    together = task.decode(engine.predict(batch))
    alone = [task.decode(engine.predict(batch[i : i + 1]))[0] for i in range(4)]
    assert [text for text, _ in together] == [text for text, _ in alone]
    assert all(set(text) <= set(CHARACTERS + "\n") for text, _ in together)
    assert all(0 <= confidence <= 1 for _, confidence in together)


def test_texts_survive_as_arrays(weights: Path, data: TrainingData) -> None:
    _, task = assemble(settings(weights), data.train)
    texts = ["", "A1", "é 日本", "\U0010ffff"]
    read = task.decode(written(texts, [0.0, 0.5, 0.25, 1.0]))
    assert read == [("", 0.0), ("A1", 0.5), ("é 日本", 0.25), ("\U0010ffff", 1.0)]


@pytest.mark.slow
def test_a_bundle_is_the_adapter_and_says_so(
    trained: list[Epoch],
    weights: Path,
    data: TrainingData,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    checkpoint = trained[-1][1]
    assert export_checkpoint(checkpoint, data.val, tmp_path / "bundle") is None
    bundle = load_bundle(tmp_path / "bundle")
    assert bundle.manifest.absent.keys() == {ONNX, SETTINGS, *PADDLEOCR}
    assert "adapter_model.safetensors" in bundle.manifest.files
    with pytest.raises(
        CheckpointError, match=r"is an adapter of the weights in .*; read it with train/evaluate"
    ):
        load_model("recognition", str(bundle.directory))
    labels = tmp_path / "rec_gt_val.txt"
    labels.write_text(
        "".join(f"{s}\t{t}\n" for s, t in zip(data.val.sources, data.val.texts, strict=True)), "utf-8"
    )
    evaluate_command.main(["--bundle", str(bundle.directory), "--labels", str(labels), "--json"])
    found = json.loads(capsys.readouterr().out)
    scores, _ = evaluate(*assemble(checkpoint.config, data.train, checkpoint), data.val)
    assert found == scores.as_dict()
    moved = weights.rename(tmp_path / "elsewhere")
    try:
        with pytest.raises(ModelError, match="hf download"):
            evaluate_command.main(["--bundle", str(bundle.directory), "--labels", str(labels)])
        options = [
            "--bundle",
            str(bundle.directory),
            "--labels",
            str(labels),
            "--weights",
            str(moved),
            "--json",
        ]
        evaluate_command.main(options)
        assert json.loads(capsys.readouterr().out) == found
    finally:
        moved.rename(weights)


@pytest.mark.slow
def test_a_run_from_the_command_line(weights: Path, data_dir: Path, tmp_path: Path) -> None:
    for split, count in (("train", 12), ("val", 4)):
        lines = [f"{s.path}\t{s.text}" for s in samples(data_dir, split=split, count=count)]
        (tmp_path / f"rec_gt_{split}.txt").write_text("\n".join(lines), "utf-8")
    chosen = settings(weights, epochs=1).model_dump(mode="json")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(chosen), "utf-8")
    options = ["--data", str(tmp_path), "--config", str(tmp_path / "config.yaml"), "--test-fraction", "0"]
    train_command.main([*options, "--output", str(tmp_path / "out")])
    report = json.loads((tmp_path / "out" / "training_report.json").read_text("utf-8"))
    assert (report["status"], report["final_val_loss"], report["from_scratch"]) == ("completed", None, False)
    assert load_bundle(tmp_path / "out" / "best").manifest.model == "deepseek-ocr-2"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"technique": {"name": "full"}}, "technique must train adapters alone"),
        ({"fit_width": 320}, "fit_width must be 0"),
        ({"precision": "fp16"}, "precision must be one of"),
        ({"model": "pp-ocrv6-tiny"}, "model must be for the task transcription.*choose from: deepseek-ocr-2"),
        ({"task": "recognition"}, "or set task: transcription"),
    ],
)
def test_what_it_does_not_do_is_refused(
    changes: dict[str, Any], message: str, weights: Path, data: TrainingData
) -> None:
    with pytest.raises(UsageError, match=message):
        assemble(settings(weights, **changes), data.train)


def test_recognisers_do_not_transcribe(data: TrainingData) -> None:
    with pytest.raises(UsageError, match=r"choose from: deepseek-ocr-2; or set task: recognition"):
        assemble(config(task="transcription", engine="torch"), data.train)
    with pytest.raises(
        UsageError, match=r"the engine must train the task recognition.*choose from: paddle, torch"
    ):
        assemble(config(engine="torch-language"), data.train)


def test_the_engine_is_found_and_others_are_refused() -> None:
    assert resolve("auto", ["deepseek-ocr-2"]) == "torch-language"
    with pytest.raises(UsageError, match="choose the engine auto or: torch-language"):
        resolve("torch", ["deepseek-ocr-2"])


def test_missing_and_foreign_weights_are_refused_with_the_command(data: TrainingData, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "deepseek_vl_v2"}')
    for folder in (None, tmp_path / "nowhere", tmp_path):
        with pytest.raises(ModelError, match="hf download deepseek-community/DeepSeek-OCR-2 --local-dir"):
            assemble(settings(folder), data.train)


def test_incomplete_weights_are_refused(weights: Path, data: TrainingData, tmp_path: Path) -> None:
    import shutil

    from safetensors.numpy import load_file, save_file

    shutil.copytree(weights, tmp_path / "part")
    arrays = load_file(tmp_path / "part" / "model.safetensors")
    arrays.pop(next(name for name in arrays if "o_proj" in name))
    save_file(arrays, tmp_path / "part" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"no .*o_proj"):
        assemble(settings(tmp_path / "part"), data.train)
