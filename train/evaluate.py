"""A bundle, a checkpoint or a pretrained model against a label file."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

from train.bundle import Bundle, load_bundle
from train.checkpoint import Checkpoint, load_checkpoint
from train.cli import main_guard
from train.config import TrialConfig, config_from_mapping
from train.data.arguments import add_format_arguments, options_of
from train.data.dataset import Dataset, decode_samples
from train.data.formats import load_file
from train.errors import DataError, UsageError
from train.intervals import wilson_interval
from train.metrics import CHARSET_RULES, Scores, score_texts

Reading = tuple[str, float]


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(prog="python train/evaluate.py", description=__doc__)
    what = parse.add_mutually_exclusive_group(required=True)
    what.add_argument("--bundle", metavar="DIR", type=Path, help="an exported model, read by onnxruntime")
    what.add_argument(
        "--checkpoint", metavar="DIR", type=Path, help="a trial's checkpoint, read by its framework"
    )
    what.add_argument("--model", metavar="NAME", help="a pretrained model as it is, e.g. pp-ocrv6-tiny")
    parse.add_argument(
        "--charset",
        choices=("keep", "domain"),
        help="with --model: its whole dictionary (the default) or the labels' characters alone",
    )
    parse.add_argument(
        "--weights", metavar="DIR", help="with --bundle: an adapter's base, where it lies elsewhere now"
    )
    parse.add_argument("--engine", help="with --checkpoint or --model: the engine to read with")
    parse.add_argument("--labels", metavar="FILE", type=Path, required=True, help="the lines and their texts")
    add_format_arguments(parse)
    parse.add_argument(
        "--charset-rule",
        choices=sorted(CHARSET_RULES),
        default="as-labelled",
        help="how texts are compared (default as-labelled)",
    )
    parse.add_argument("--threads", type=int, default=1, metavar="N", help="with --bundle (default 1)")
    parse.add_argument("--errors", metavar="FILE", type=Path, help="write the misread lines, tab-separated")
    parse.add_argument("--json", action="store_true", help="print the scores as JSON")
    return parse


def main(arguments: Sequence[str]) -> None:
    """Read every line and print the scores."""
    chosen = parser().parse_args(arguments)
    if chosen.charset and not chosen.model:
        raise UsageError("--charset goes with --model", chosen.charset, "leave it out")
    if chosen.engine and chosen.bundle:
        raise UsageError("a bundle is read by onnxruntime", f"--engine {chosen.engine}", "leave it out")
    if chosen.weights and not chosen.bundle:
        raise UsageError("--weights goes with --bundle", chosen.weights, "leave it out")
    if chosen.threads < 1:
        raise UsageError("--threads must be at least 1", chosen.threads, "name a number of cores")
    samples = load_file(chosen.labels, options_of(chosen.option), chosen.format)
    if not samples:
        raise DataError("a label file must hold samples", chosen.labels, "name another one")
    data = decode_samples(samples)
    readings = read(chosen, data)
    scores = score_texts([text for text, _ in readings], data.texts, chosen.charset_rule)
    if chosen.errors:
        write_errors(chosen.errors, readings, data, chosen.charset_rule)
    print(json.dumps(scores.as_dict()) if chosen.json else describe(scores))


def read(chosen: argparse.Namespace, data: Dataset) -> list[Reading]:
    """Return (text, confidence) of every line, by whatever the command line names."""
    if chosen.bundle:
        bundle = load_bundle(chosen.bundle)
        if bundle.has_graph:
            return bundle.recogniser(chosen.threads).read([data.image(i) for i in range(len(data))])
        return read_by_framework(bundle, chosen.weights, data)
    from train.loop import assemble
    from train.models import MODELS
    from train.validation import evaluate

    if chosen.checkpoint:
        checkpoint = load_checkpoint(chosen.checkpoint).with_engine(chosen.engine)
        engine, task = assemble(checkpoint.config, data, checkpoint)
    else:
        config = TrialConfig(model=chosen.model, charset=chosen.charset or "keep")
        config = config.model_copy(update={"engine": chosen.engine or config.engine})
        if not MODELS.get(chosen.model).pretrained(None):
            raise UsageError(
                "--model must name a model with published weights", chosen.model, "name a bundle of it"
            )
        engine, task = assemble(config, data)
    _, readings = evaluate(engine, task, data)
    return readings


def read_by_framework(bundle: Bundle, weights: str | None, data: Dataset) -> list[Reading]:
    """Return (text, confidence) of every line by a bundle without a graph, on the weights that it was trained on."""
    from train.loop import assemble
    from train.validation import evaluate

    config = config_from_mapping(bundle.manifest.config, str(bundle.directory))
    config = config.model_copy(update={"weights": weights or config.weights})
    checkpoint = Checkpoint(config, bundle.charset, 0, {}, {"weights": bundle.weights()})
    engine, task = assemble(config, data, checkpoint)
    return evaluate(engine, task, data)[1]


def write_errors(path: Path, readings: Sequence[Reading], data: Dataset, rule: str) -> None:
    """Write image, label, reading and confidence of every misread line, the surest mistakes first."""
    change = CHARSET_RULES[rule]
    wrong = [
        (confidence, source, label, text)
        for (text, confidence), source, label in zip(readings, data.sources, data.texts, strict=True)
        if change(text) != change(label)
    ]
    rows = [f"{source}\t{label}\t{text}\t{c:.3f}" for c, source, label, text in sorted(wrong, reverse=True)]
    try:
        path.write_text("\n".join(["image\tlabel\treading\tconfidence", *rows, ""]), encoding="utf-8")
    except OSError as error:
        raise UsageError("--errors must be a file that can be written", error, "name another one") from error


def describe(scores: Scores) -> str:
    """Return the scores as one line for people."""
    interval = wilson_interval(scores.exact_match * scores.n, scores.n)
    return (
        f"{scores.n} lines: exact match {scores.exact_match:.3f} "
        f"(95 % interval {interval.low:.3f} to {interval.high:.3f}), "
        f"edit similarity {scores.edit_similarity:.3f}, CER {scores.cer:.3f}, {scores.charset_rule}"
    )


if __name__ == "__main__":
    main_guard(main)
