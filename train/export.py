"""Checkpoint to bundle, through the parity gate: a bundle exists only if it reads as the framework does."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    from train.system.cli import main_guard

    main_guard("train.export")

import numpy as np
from safetensors.numpy import save_file

from train.bundle import MANIFEST, ONNX, SETTINGS, WEIGHTS, load_bundle, seal
from train.checkpoint import Checkpoint, load_checkpoint
from train.config import TrialConfig
from train.data import images
from train.data.arguments import add_format_arguments, add_samples_argument, options_of
from train.data.dataset import Dataset, decode_samples
from train.data.decoded.kept import FILE as SAMPLES
from train.data.decoded.kept import write_kept_lines
from train.data.formats.loading import load_file
from train.engine import Engine
from train.errors import DataError, ParityError, UsageError
from train.models import MODELS
from train.reading.formats.declared import declared_rules
from train.reading.knowledge import TextKnowledge
from train.reading.settings import FILE
from train.scoring.texts import AS_LABELLED
from train.sets.texts import add_reading_arguments, check_rules, read_further
from train.system.cli import Parser
from train.system.files import replace_folder, require_room
from train.system.machine.versions import installed_versions
from train.system.onnx_session import CPU, open_session, run
from train.system.paths import given_path, require_empty, require_folder, require_present
from train.tasks import TASKS, Task
from train.tasks.parity import TOLERANCE, ParityResult, compare
from train.trained.loaded import Loaded, load_network
from train.trained.text_models import add_text_model, find_earlier, with_text_model
from train.trained.to_paddleocr import write_checkpoint
from train.trained.tuning import with_tuned_settings

PDPARAMS = "pdparams"


def export_checkpoint(checkpoint: Checkpoint, data: Dataset, directory: Path) -> ParityResult | None:
    """Write a bundle of a checkpoint, or nothing.

    Args:
        checkpoint: what to export; its metrics are those of the validation split.
        data: real images for the parity gate, best the validation split's.
        directory: where the bundle comes to lie; an older bundle there is replaced.

    Returns:
        What the gate found; None for a model that has no graph, whose bundle says why.

    Raises:
        ParityError: if onnxruntime and the framework do not read the same.
        UsageError: if `directory` holds something else.
    """
    return export_network(load_network(checkpoint, data), data, directory)


def export_network(
    network: Loaded, data: Dataset, directory: Path, samples: bool = True, learned_val: bool = False
) -> ParityResult | None:
    """Write a bundle of a network, as `export_checkpoint` does; the network reads afterwards as it did before.

    With `samples`, a recogniser's bundle keeps some lines of the data. `learned_val` is for the manifest.
    """
    engine, task, checkpoint = network.engine, network.task, network.checkpoint
    # Safetensors takes memory as it lies, whatever the strides.
    arrays = {name: np.ascontiguousarray(array) for name, array in engine.weights().items()}
    with whole_or_nothing(directory) as aside:
        require_room(aside, (1 + engine.forms) * sum(one.nbytes for one in arrays.values()))
        absent = engine.export(aside)
        save_file(arrays, aside / WEIGHTS)
        result = None if ONNX in absent else parity_gate(engine, task, aside / ONNX, data)
        model, weights = MODELS.get(checkpoint.config.model), checkpoint.config.weights
        published_name = model.published_name()
        if published_name is None:
            absent = absent | {SETTINGS: f"PaddleOCR 3 has no network like {checkpoint.config.model}"}
        else:
            task.write_settings(aside, published_name, checkpoint.charset)
        if samples and task.worded and ONNX not in absent:
            write_kept_lines(data, aside / SAMPLES)
        if task.text_model is not None:
            (aside / FILE).write_text(task.text_model.model_dump_json(), encoding="utf-8")
        seal(
            aside,
            task=checkpoint.config.task,
            geometry=dict(task.geometry_as(checkpoint.config)),
            model=checkpoint.config.model,
            published_name=published_name,
            characters=checkpoint.charset.characters,
            config=checkpoint.config.model_dump(mode="json"),
            metrics={"split": "val", "charset_rule": AS_LABELLED} | checkpoint.metrics,
            parity=asdict(result) if result else {},
            versions=installed_versions(),
            settings=task.settings(),
            absent=absent,
            from_scratch=not model.pretrained(Path(weights) if weights else None),
            learned_val=learned_val,
        )
    return result


def parity_gate(engine: Engine, task: Task, onnx: Path, data: Dataset) -> ParityResult:
    """Compare an exported graph with the engine on real images; raise ParityError if they do not agree."""
    if len(data) == 0:
        raise DataError("the parity gate must have real images", "none", "name a label file with some")
    session = open_session(onnx, 0, [CPU])
    result = compare(
        lambda batch: engine.predict(images.pad_to_bucket(batch)),
        lambda batch: run(session, batch),
        task.parity_batches(data),
        task.verdicts,
    )
    if not result.passed:
        raise ParityError(
            f"an exported model must do what its framework does with every image, within {TOLERANCE:g} or rounding",
            f"{result}",
            "no bundle was written; install the packages as pyproject.toml pins them, or export another checkpoint",
        )
    return result


def require_replaceable(directory: Path) -> None:
    """Raise UsageError where something else than a bundle lies in the place of one."""
    if directory.exists() and not (directory / MANIFEST).is_file():
        raise UsageError("a bundle must not replace anything else", directory, "choose another folder")


@contextmanager
def whole_or_nothing(directory: Path) -> Iterator[Path]:
    """Yield an empty folder beside `directory` that takes its place at the end, or vanishes on any error."""
    require_replaceable(directory)
    with replace_folder(directory, durable=True) as draft:
        yield draft


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = Parser(prog="python -m train.export", description=str(__doc__))
    parse.add_argument("checkpoint", type=given_path, help="folder of a checkpoint")
    parse.add_argument("bundle", type=given_path, help="folder to write")
    parse.add_argument(
        "--labels",
        type=given_path,
        required=True,
        help="real images for the parity gate, and for what is chosen after training (a detector's thresholds)",
    )
    add_format_arguments(parse)
    add_reading_arguments(parse)
    add_samples_argument(parse)
    parse.add_argument(
        "--as",
        choices=("bundle", PDPARAMS),
        default="bundle",
        dest="form",
        help="a bundle (default), or what PaddleOCR's tools/train.py starts from, of a checkpoint or a bundle",
    )
    parse.add_argument(
        "--engine", metavar="NAME", help="paddle or torch, to export with (default: the one that trained it)"
    )
    return parse


def reading_of(network: Loaded, data: Dataset, chosen: argparse.Namespace) -> Loaded:
    """Return the network with its text model, and say which one that is.

    It is chosen on the lines where a format or texts are named, or lie beside them. Otherwise it is that of the
    checkpoint, or of the bundle that training began with.
    """
    text_model, task = network.checkpoint.text_model, TASKS.get(network.checkpoint.config.task)
    if not task.worded:
        return network
    named = chosen.reading or chosen.texts
    if text_model is not None and not named:
        print("text model: the checkpoint's", flush=True)
        return with_text_model(network, text_model)
    rules = declared_rules(chosen.reading, chosen.labels)
    check_rules(rules, task, chosen.precision)
    knowledge = TextKnowledge((), rules, precision=chosen.precision, further=read_further(chosen.texts, task))
    if rules or named or find_earlier(network.checkpoint.config.weights):
        return add_text_model(network, data, knowledge)
    print(
        "text model: none, the bundle reads greedily; name a format (--reading FILE) or texts (--texts FILE)"
    )
    return network


def main(arguments: Sequence[str]) -> None:
    """Export a checkpoint and say how close what was written is to it."""
    chosen: Any = parser().parse_args(arguments)
    require_present(chosen.checkpoint, "CHECKPOINT")
    require_folder(chosen.bundle, "BUNDLE")
    if chosen.form == PDPARAMS:
        require_empty(chosen.bundle, "BUNDLE")
        lines = decode_samples(load_file(chosen.labels, options_of(chosen.option), chosen.format))
        print(
            write_checkpoint(chosen.checkpoint, lines, chosen.bundle, chosen.engine or TrialConfig().engine)
        )
        return
    require_replaceable(chosen.bundle)
    checkpoint = load_checkpoint(chosen.checkpoint).with_engine(chosen.engine)
    task = TASKS.get(checkpoint.config.task)
    samples = load_file(chosen.labels, options_of(chosen.option), chosen.format, task.formats)
    data = decode_samples(samples, task.stored_as(checkpoint.config))
    network = load_network(with_tuned_settings(checkpoint, data), data)
    result = export_network(reading_of(network, data, chosen), data, chosen.bundle, chosen.samples)
    if result is None:
        print(f"{chosen.bundle}: {load_bundle(chosen.bundle).manifest.absent[ONNX]}")
        return
    print(
        f"{chosen.bundle}: {result.lines} images read as before the export, "
        f"largest difference {result.max_difference:.1e}"
    )
