"""Add an 8-bit graph to a bundle, if it is faster and as good on labelled images; what costs too much stays float32.

Serving measures both at its start and takes the faster one.
"""

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if __name__ == "__main__":
    from train.system.cli import main_guard

    main_guard("train.quantise")

import numpy as np

from train.bundle import INT8, ONNX, Bundle, Manifest, load_bundle, seal
from train.config import config_from_mapping
from train.data.arguments import add_format_arguments, options_of
from train.data.dataset import Dataset, decode_samples
from train.data.decoded.kept import FILE as KEPT
from train.data.decoded.kept import read_kept_lines
from train.data.formats.loading import load_file
from train.data.sample import Sample
from train.errors import CheckpointError, DataError, ParityError
from train.export import whole_or_nothing
from train.system.cli import Parser
from train.system.paths import given_path, require_folder, require_present
from train.tasks import TASKS, Task

if TYPE_CHECKING:
    from train.int8.gate import Verdict
    from train.int8.mixed_graphs import ProductChoice

TOLERANCE = 0.005
"""How much of the first score, the exact match of lines say, may be lost."""
LEAST_GAIN = 1.05
"""How many times as fast it must be: a server prefers no other one."""
CALIBRATION_IMAGES = 96
LEARNED = "the network has learned its search's validation lines, which these seem to be: the gate says more of others"
PRODUCTS = ("quantised", "left_float32")
"""Of what the manifest says, the lists of names."""


class RefusedError(ParityError):
    """No 8-bit graph is faster and as good; `measured` is of the last one, as the manifest would have it."""

    def __init__(self, rule: str, value: object, measured: dict[str, Any]) -> None:
        super().__init__(rule, value, "serve the float32 model: the bundle is unchanged")
        self.measured = measured


class Attempt(NamedTuple):
    """What came of it.

    Attributes:
        added: whether the bundle has an 8-bit graph now.
        said: that in a line, with the figures; why there is none.
        measured: of that graph, or of the last one that was refused, as the manifest has it; empty where none was.
    """

    added: bool
    said: str
    measured: dict[str, Any]


def quantise(
    bundle: Bundle,
    data: Dataset,
    calibration: Dataset,
    tolerance: float = TOLERANCE,
    least_gain: float = LEAST_GAIN,
    learned: bool = False,
) -> dict[str, Any]:
    """Replace a bundle by itself with an 8-bit graph beside the float32 one, or leave it as it is.

    Products are quantised after training (`train.int8`). How far each alone moves the outputs is measured on the
    calibration images; what moves them most for the work that it saves is left in float32, more and more of it, until
    a graph passes.

    Args:
        bundle: with a graph.
        data: labelled images for the gate.
        calibration: other ones, for the ranges and for what a product costs.
        tolerance: how much of the first score may be lost.
        least_gain: how many times as fast it must be.
        learned: whether the network was trained on the images of the gate, too; it reads those better than others.

    Returns:
        What the manifest says of it.

    Raises:
        RefusedError: if no graph is faster and as good; the bundle is unchanged.
    """
    from train.int8.gate import Gate, Verdict
    from train.int8.mixed_graphs import write_mixed_graphs

    bundle.require_graph()
    if len(data) == 0 or len(calibration) == 0:
        raise DataError("images must be given", "none", "name a label file with some")
    task = task_of(bundle)
    gate, refused = Gate(bundle.directory / ONNX, task, data), list[Verdict]()
    with whole_or_nothing(bundle.directory) as aside:
        for name in bundle.manifest.files:
            shutil.copyfile(bundle.directory / name, aside / name)
        for choice in write_mixed_graphs(aside / ONNX, aside / INT8, calibration_batches(task, calibration)):
            verdict = gate.judge(aside / INT8)
            if verdict.gain >= least_gain and -verdict.change.difference <= tolerance:
                facts = _measured(verdict, task, data, learned) | _made(choice, graphs=len(refused) + 1)
                seal(aside, **_facts(bundle.manifest) | {"int8": facts})
                return facts
            refused.append(verdict)
            if verdict.gain < least_gain:
                break  # the next ones have fewer products in 8 bits
        raise RefusedError(
            f"an 8-bit model must be {least_gain:g} times as fast as its original, and as good less {tolerance:.1%}",
            "; ".join(map(str, refused)) or "nothing in it that is worth 8 bits",
            _measured(refused[-1], task, data, learned) if refused else {},
        )


def try_to_quantise(
    folder: Path, data: Dataset, calibration: Dataset, least_gain: float = LEAST_GAIN, learned: bool = False
) -> Attempt:
    """Quantise the bundle in a folder; return what came of it, also where no graph is good enough."""
    bundle = load_bundle(folder)
    try:
        facts = quantise(bundle, data, calibration, least_gain=least_gain, learned=learned)
    except (CheckpointError, ParityError) as error:
        return Attempt(False, f"8 bits: none, {error}", getattr(error, "measured", {}))
    return Attempt(
        True, describe(facts), {name: fact for name, fact in facts.items() if name not in PRODUCTS}
    )


def describe(facts: Mapping[str, Any]) -> str:
    """Return a line of what the manifest says of an 8-bit graph."""
    name, before = next((key, facts[f"{key}_float32"]) for key in facts if f"{key}_float32" in facts)
    low, high = facts["change_interval_95"]
    seen = " that it has learnt" if facts.get("learned") else ""
    return (
        f"8 bits: {name} {facts[name]:.3f}, float32 {before:.3f} (of {facts['n']}{seen}, change {low:+.3f} to "
        f"{high:+.3f}), "
        f"{facts['times_as_fast']:.2f} times as fast; {len(facts['quantised'])} products in 8 bits, "
        f"{len(facts['left_float32'])} left in float32"
    )


def task_of(bundle: Bundle) -> Task:
    """Return the task of a bundle, as it was trained for it."""
    config = config_from_mapping(bundle.manifest.config, str(bundle.directory))
    return TASKS.get(config.task)(config, bundle.charset)


def calibration_batches(task: Task, data: Dataset) -> list[Any]:
    """Return some of the images, each as a batch of its own: lines have widths of their own."""
    some = np.linspace(0, len(data) - 1, min(len(data), CALIBRATION_IMAGES)).astype(int)
    return [task.evaluation_batch(data, some[i : i + 1]) for i in range(len(some))]


def _measured(verdict: "Verdict", task: Task, data: Dataset, learned: bool) -> dict[str, Any]:
    """Return the figures of a graph, as the manifest has them."""
    name = task.scores.names[0]
    return {
        name: verdict.score,
        f"{name}_float32": verdict.score_float32,
        "n": len(data),
        "learned": learned,
        "change_interval_95": verdict.change.interval.ends,
        "times_as_fast": round(verdict.gain, 3),
    }


def _made(choice: "ProductChoice", *, graphs: int) -> dict[str, Any]:
    """Return how a graph was made, after so many tries."""
    return {
        "graphs_tried": graphs,
        "quantised": list(choice.int8),
        "left_float32": list(choice.float32),
    }


def has_learned(bundle: Bundle, samples: Sequence[Sample]) -> bool:
    """Whether a network may have learned these samples: they hold some that the bundle kept of its validation split."""
    if not bundle.manifest.learned_val:
        return False
    kept = bundle.directory / KEPT
    texts = {line.text for line in read_kept_lines(kept)} if kept.is_file() else None
    return texts is None or any(sample.text in texts for sample in samples)


def _facts(manifest: Manifest) -> dict[str, Any]:
    found = {"created", "files", "format"}  # `seal` finds them itself
    return {
        field.name: getattr(manifest, field.name) for field in fields(manifest) if field.name not in found
    }


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = Parser(prog="python -m train.quantise", description=str(__doc__))
    parse.add_argument("bundle", type=given_path, help="folder of a bundle, which is replaced")
    parse.add_argument(
        "--labels",
        type=given_path,
        required=True,
        help="labelled images that it is judged by, best the validation split's",
    )
    parse.add_argument(
        "--calibration-labels",
        type=given_path,
        metavar="FILE",
        help="images that ranges are measured on, best the training split's (default: every second of --labels, which "
        "then does not count in the gate)",
    )
    add_format_arguments(parse)
    return parse


def main(arguments: Sequence[str]) -> None:
    """Quantise a bundle and say what that costs."""
    chosen: Any = parser().parse_args(arguments)
    require_present(chosen.bundle, "BUNDLE")
    require_folder(chosen.bundle, "BUNDLE")
    bundle = load_bundle(chosen.bundle)
    task = task_of(bundle)

    def load(path: Path) -> list[Sample]:
        return load_file(path, options_of(chosen.option), chosen.format, task.formats)

    samples = load(chosen.labels)
    if chosen.calibration_labels is None:
        gate, calibration = samples[::2], samples[1::2]
    else:
        gate, calibration = samples, load(chosen.calibration_labels)
    stored = task.stored_as(config_from_mapping(bundle.manifest.config, str(chosen.bundle)))
    if learned := has_learned(bundle, gate):
        print(LEARNED, file=sys.stderr)
    found = quantise(
        bundle, decode_samples(gate, stored), decode_samples(calibration, stored), learned=learned
    )
    print(f"{chosen.bundle}: {describe(found)}")
