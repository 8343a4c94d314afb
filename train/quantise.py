"""Add an 8-bit graph to a bundle, if it reads as well on labelled lines: smaller, on some machines faster.

Serving measures both at its start and takes the faster one.
"""

import argparse
import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    from train.system.cli import main_guard

    main_guard("train.quantise")

import numpy as np

from train.bundle import INT8, ONNX, Bundle, Manifest, Recogniser, load_bundle, open_session, seal
from train.config import config_from_mapping
from train.data import images
from train.data.arguments import add_format_arguments, options_of
from train.data.dataset import Dataset, decode_samples
from train.data.formats import load_file
from train.errors import DataError, ParityError
from train.export import whole_or_nothing
from train.scoring.texts import score_texts
from train.system.cli import Parser
from train.system.paths import given_path, require_folder
from train.tasks import TASKS

TOLERANCE = 0.005
"""How much of the exact match may be lost."""
CALIBRATION_LINES = 128
OPSET = 17  # the first that has scales by channel is 13


def quantise(
    bundle: Bundle, data: Dataset, calibration: Dataset, tolerance: float = TOLERANCE
) -> dict[str, float]:
    """Replace a bundle by itself with an 8-bit graph beside the float32 one, or leave it as it is.

    Convolutions are quantised, with scales by channel and ranges seen on the lines (post-training, static).

    Args:
        bundle: of a recogniser.
        data: labelled lines for the gate.
        calibration: other lines, for the ranges.
        tolerance: how much of the exact match may be lost.

    Returns:
        Exact match of the 8-bit (`exact_match`) and of the float32 graph (`exact_match_float32`).

    Raises:
        ParityError: if the 8-bit graph reads worse than that; the bundle is unchanged.
    """
    bundle.require_task("recognition")
    if len(data) == 0 or len(calibration) == 0:
        raise DataError("lines must be given", "none", "name a label file with some")
    with whole_or_nothing(bundle.directory) as aside:
        for name in bundle.manifest.files:
            shutil.copyfile(bundle.directory / name, aside / name)
        _quantise_graph(aside, calibration)
        before, after = (_exact_match(aside / name, bundle, data) for name in (ONNX, INT8))
        if before - after > tolerance:
            raise ParityError(
                f"an 8-bit model must read as many lines as its original, less {tolerance:.1%}",
                f"{after:.3f} instead of {before:.3f} of {len(data)} lines",
                "serve the float32 model: the bundle is unchanged",
            )
        scores = {"exact_match": after, "exact_match_float32": before}
        seal(aside, **_facts(bundle.manifest) | {"int8": scores})
    return scores


def _facts(manifest: Manifest) -> dict[str, Any]:
    found = {"created", "files", "format"}  # `seal` finds them itself
    return {
        field.name: getattr(manifest, field.name) for field in fields(manifest) if field.name not in found
    }


def _quantise_graph(folder: Path, data: Dataset) -> None:
    import onnx
    import onnxruntime
    from onnx import version_converter
    from onnxruntime import quantization

    class Lines(quantization.CalibrationDataReader):  # type: ignore[misc]
        """The lines one by one: each has a width of its own."""

        def __init__(self, name: str) -> None:
            self._batches = ({name: batch} for batch in _calibration_batches(data))

        def get_next(self) -> dict[str, Any] | None:
            return next(self._batches, None)

    onnxruntime.set_default_logger_severity(3)  # each unused constant is worth a warning
    logging.getLogger().setLevel(logging.ERROR)  # and so is every step that was not taken
    graph = onnx.load(folder / ONNX)
    newer = folder / "opset.onnx"
    if max(opset.version for opset in graph.opset_import if not opset.domain) < OPSET:
        graph = version_converter.convert_version(graph, OPSET)  # torch's exporter writes a later one
    onnx.save(graph, newer)
    quantization.quantize_static(
        newer,
        folder / INT8,
        Lines(graph.graph.input[0].name),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        op_types_to_quantize=["Conv"],
    )
    newer.unlink()


def _calibration_batches(data: Dataset) -> Iterator[Any]:
    for index in np.linspace(0, len(data) - 1, min(len(data), CALIBRATION_LINES)).astype(int):
        line = data.image(int(index))
        yield images.to_batch([line], images.bucket_width(line.shape[1]))


def _exact_match(onnx: Path, bundle: Bundle, data: Dataset) -> float:
    lines = [data.image(index) for index in range(len(data))]
    readings = Recogniser(open_session(onnx, threads=0), bundle.charset).read(lines)
    return score_texts([text for text, _ in readings], data.texts).exact_match


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = Parser(prog="python -m train.quantise", description=str(__doc__))
    parse.add_argument("bundle", type=given_path, help="folder of a recogniser's bundle, which is replaced")
    parse.add_argument(
        "--labels", type=given_path, required=True, help="labelled lines, best the validation split's"
    )
    parse.add_argument(
        "--calibration-labels",
        type=given_path,
        metavar="FILE",
        help="lines for the ranges, best the training split's (default: every second of --labels, which then does not "
        "count in the gate)",
    )
    add_format_arguments(parse)
    return parse


def main(arguments: Sequence[str]) -> None:
    """Quantise a bundle and say what that costs."""
    chosen: Any = parser().parse_args(arguments)
    require_folder(chosen.bundle, "BUNDLE")
    bundle = load_bundle(chosen.bundle)
    config = config_from_mapping(bundle.manifest.config, str(chosen.bundle))
    samples = load_file(chosen.labels, options_of(chosen.option), chosen.format)
    if chosen.calibration_labels is None:
        gate, calibration = samples[::2], samples[1::2]
    else:
        gate, calibration = (
            samples,
            load_file(chosen.calibration_labels, options_of(chosen.option), chosen.format),
        )
    stored = TASKS.get(config.task).stored_as(config)
    scores = quantise(bundle, decode_samples(gate, stored), decode_samples(calibration, stored))
    print(
        f"{chosen.bundle}: exact match {scores['exact_match']:.3f}, float32 {scores['exact_match_float32']:.3f}"
    )
