"""What the parts of a text model are worth, and what they cost: `python benchmarks/reading.py [--train]`.

Half of a set's validation texts choose, the other half is read once. Models are read as published, with the set's
characters, and fine-tuned where `runs/reading/SET-MODEL/best` is a bundle: `--train` trains what lacks for STEPS steps,
on the training lines and the half that chooses. What `benchmarks/results/reading.json` holds already is not
measured again; `--fresh` begins anew.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others
    from train.system.cli import main_guard

    main_guard("benchmarks.reading")

import numpy as np

from benchmarks.common import REPOSITORY, RESULTS, data_folder, machine, write_result
from train.bundle import load_bundle
from train.config import TrialConfig
from train.config_file import save_config
from train.data.charset import Charset
from train.data.dataset import Dataset, decode_samples
from train.data.formats.loading import load_file
from train.data.sample import Sample
from train.data.synthetic import make_vin_dataset
from train.loop import assemble
from train.reading.fitting import fit, read_all
from train.reading.formats.declared import TextFormat
from train.reading.formats.rules import Rule
from train.reading.knowledge import TextKnowledge
from train.reading.languages import PredictedLines
from train.reading.settings import ReadingSettings
from train.reading.text_model import TextModel
from train.scoring.intervals import paired_gain_interval, wilson_interval
from train.system.onnx_session import run
from train.tasks import TASKS
from train.trained.loaded import Assembled
from train.trained.text_models import predict_lines

SEED = 0
VIN = TextFormat(pattern="[A-HJ-NPR-Z0-9]{17}", checks=("vin",)).rules()
RUNS = REPOSITORY / "runs" / "reading"
STEPS, EPOCHS, BATCH = 100, 2, 16
WIDTHS = {"vin": 320, "drawn": 320}
"""Of sets whose lines all models read best resampled to it."""
SETS: dict[str, tuple[Rule, ...]] = {"vin": VIN, "drawn": VIN, "receipts": (), "scene_words": ()}


@dataclass(frozen=True)
class Lines:
    """A set: the lines that train, those that choose, and those that prove."""

    name: str
    train: list[Sample]
    chosen: list[Sample]
    proven: list[Sample]


@dataclass(frozen=True)
class Case:
    """A model on a set: what it says of the lines that choose and of those that prove."""

    name: str
    charset: Charset
    chosen: PredictedLines
    proven: PredictedLines
    texts: Sequence[str]
    rules: tuple[Rule, ...]


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(prog="python benchmarks/reading.py", description=__doc__)
    parse.add_argument("--models", nargs="+", default=["pp-ocrv6-tiny", "pp-ocrv6-small"])
    parse.add_argument("--train", action="store_true", help="fine-tune what is not yet")
    parse.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parse.add_argument("--lines", type=int, default=1000, metavar="N", help="of each half at most")
    parse.add_argument(
        "--quick", action="store_true", help="pp-ocrv6-tiny on vin and drawn lines, 60 of each half"
    )
    parse.add_argument("--fresh", action="store_true", help="measure again what was measured before")
    return parse


def main(arguments: Sequence[str]) -> None:
    """Measure every model on every set and write the figures."""
    options, before = parser().parse_args(arguments), machine()
    if options.quick:
        options.sets, options.models, options.lines = ["vin", "drawn"], ["pp-ocrv6-tiny"], 60
    held = RESULTS / "reading.json"
    rows = [] if options.fresh or not held.exists() else json.loads(held.read_text(encoding="utf-8"))["rows"]
    for name in options.sets:
        lines = _read_lines(name, options.lines)
        for model in options.models:
            if options.train:
                _fine_tune(lines, model)
            for case in _cases(lines, model, {row["case"] for row in rows}):
                rows += list(_measured(case))
                write_result("reading", before, {"rows": rows})
    print(write_result("reading", before, {"rows": rows}))


def _read_lines(name: str, most: int) -> Lines:
    root = RUNS / name if name == "drawn" else data_folder() / name
    if name == "drawn" and not root.exists():
        make_vin_dataset(root, 400, 240, 0, 7)
    train, val = (load_file(root / f"rec_gt_{split}.txt") for split in ("train", "val"))
    return Lines(name, train, *(half[:most] for half in _halves(val)))


def _bundle_of(lines: Lines, model: str) -> Path:
    return RUNS / f"{lines.name}-{model}" / "best"


def _fine_tune(lines: Lines, model: str) -> None:
    """Train a model, unless there is one; the half that proves is never seen."""
    place = _bundle_of(lines, model).parent
    if place.exists():
        return
    share = min(1.0, STEPS * BATCH / (EPOCHS * len(lines.train)))
    config = TrialConfig(
        model=model,
        batch_size=BATCH,
        epochs=EPOCHS,
        epoch_share=share,
        batch_norm="live",
        fit_width=WIDTHS.get(lines.name, 0),
    )
    RUNS.mkdir(parents=True, exist_ok=True)
    save_config(config, RUNS / f"{place.name}.yaml")
    asked = ["--config", str(RUNS / f"{place.name}.yaml"), "--test-fraction", "0", "--output", str(place)]
    for split, samples in {"train": lines.train, "val": lines.chosen}.items():
        path = RUNS / f"{lines.name}-{split}.txt"
        path.write_text("".join(f"{s.path}\t{s.text}\n" for s in samples), encoding="utf-8")
        asked += [f"--{split}-labels", str(path)]
    subprocess.run([sys.executable, "train/run.py", *asked], cwd=REPOSITORY, check=True)


def _cases(lines: Lines, model: str, done: Container[str]) -> Iterator[Case]:
    """Yield the model as published and fine-tuned, where it is not measured yet and there is one."""
    halves = [decode_samples(half) for half in (lines.chosen, lines.proven)]
    texts, rules = [sample.text for sample in lines.train], SETS[lines.name]
    if (title := f"{lines.name}: {model} as published") not in done:
        config = TrialConfig(model=model, charset="domain")
        network = Assembled(*assemble(config, decode_samples(lines.train)))
        chosen, proven = (predict_lines(network, half, SEED) for half in halves)
        yield Case(title, network.engine.charset, chosen, proven, texts, rules)
    path = _bundle_of(lines, model)
    if path.exists() and (title := f"{lines.name}: {model} fine-tuned") not in done:
        chosen, proven = (_predict_with_bundle(path, half) for half in halves)
        yield Case(title, load_bundle(path).charset, chosen, proven, texts, rules)


def _halves(samples: Sequence[Sample]) -> tuple[list[Sample], list[Sample]]:
    """Deal samples by their texts to two halves: no text is in both."""
    texts = sorted({sample.text for sample in samples})
    order = np.random.default_rng(SEED).permutation(len(texts))
    first = {texts[i] for i in order[: len(texts) // 2].tolist()}
    return [s for s in samples if s.text in first], [s for s in samples if s.text not in first]


def _predict_with_bundle(path: Path, data: Dataset) -> PredictedLines:
    bundle = load_bundle(path)
    config = TrialConfig.model_validate(bundle.manifest.config)
    task, session = TASKS.get(config.task)(config, bundle.charset), bundle.session()
    batches = list(task.evaluation_batches(data))
    outputs = [run(session, task.evaluation_batch(data, indices)) for indices in batches]
    return PredictedLines(outputs, [data.texts[int(index)] for indices in batches for index in indices])


def _measured(case: Case) -> Iterator[dict[str, Any]]:
    """Yield a row for reading greedily, for each part alone, and for all that validation chose."""

    def fit_rules(rules: Sequence[Rule], texts: Sequence[str]) -> ReadingSettings:
        return fit(case.chosen, case.charset, TextKnowledge(texts, tuple(rules), SEED)).settings

    parts = {"greedy": ReadingSettings(), "n-gram": fit_rules((), case.texts)}
    if case.rules:
        few = list(case.texts)
        parts |= {
            "pattern": fit_rules(case.rules[:1], few).model_copy(update={"language": None}),
            "rules": fit_rules(case.rules, few).model_copy(update={"language": None}),
            "all": fit_rules(case.rules, case.texts),
        }
    greedy = _right(ReadingSettings(), case)
    for name, settings in parts.items():
        right = _right(settings, case)
        rows = [np.stack([np.ones(len(one)), one], axis=1) for one in (greedy, right)]
        gain = paired_gain_interval(rows[0], rows[1], lambda sums: float(sums[1] / sums[0]), SEED)
        figures = {
            "exact_match": float(right.mean()),
            "interval_95": wilson_interval(right.sum(), len(right)).ends,
            "gain": gain.difference,
            "gain_interval_95": gain.interval.ends,
            "microseconds_a_line": _microseconds(settings, case),
        }
        print(f"{case.name:45} {name:8} {figures['exact_match']:.3f}  {gain.difference:+.3f}", flush=True)
        yield {"case": case.name, "part": name, "lines": len(right), **figures}


def _right(settings: ReadingSettings, case: Case) -> Any:
    readings = read_all(settings, case.charset, case.proven)
    return np.array(
        [one.text == label for one, label in zip(readings, case.proven.labels, strict=True)], float
    )


def _microseconds(settings: ReadingSettings, case: Case) -> float:
    """Return what decoding takes for a line, in the predicted batches: the fastest of three rounds."""
    model, rounds = TextModel(settings, case.charset), []
    for _ in range(3):
        started = time.perf_counter()
        for batch in case.proven.batches:
            model.read(batch)
        rounds.append(time.perf_counter() - started)
    return 1e6 * min(rounds) / len(case.proven.labels)
