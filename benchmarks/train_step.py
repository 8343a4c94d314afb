"""Our training loop's samples/s against the bare framework step on the same network and the same batches.

    python benchmarks/train_step.py [--model NAME] [--rounds N] [--batches N] [--batch-size N] [--cores N]

Ours is `train.loop.train` as a trial runs it: loading, augmentation, schedule, loss check. The bare step gets the
very same batches ready-made. The two take turns, an epoch each, the first of which does not count. Exits 1 if a
ratio is below TARGET.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

from benchmarks.common import data_folder, machine, print_table, use_cores, write_result
from train.config import TrialConfig, config_from_mapping
from train.data.batching.batches import training_batches
from train.data.batching.mixture import Subset
from train.data.dataset import MemoryDataset, decode_samples
from train.data.formats.loading import load_file

TARGET = 0.95
TECHNIQUES = ("full", "frozen")


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(prog="python benchmarks/train_step.py", description=__doc__)
    parse.add_argument("--model", default="pp-ocrv6-tiny")
    parse.add_argument("--rounds", type=int, default=9, metavar="N", help="measured epochs of each side (9)")
    parse.add_argument("--batches", type=int, default=10, metavar="N", help="in an epoch (10)")
    parse.add_argument("--batch-size", type=int, default=32, metavar="N")
    parse.add_argument("--cores", type=int, default=1, metavar="N", help="a search's trial has 1 (default)")
    return parse


def main(arguments: Sequence[str]) -> int:
    """Measure both techniques, print and write the figures."""
    chosen = parser().parse_args(arguments)
    use_cores(chosen.cores)
    before = machine()
    samples = load_file(data_folder() / "vin" / "rec_gt_train.txt")[: chosen.batches * chosen.batch_size]
    data = decode_samples(samples)
    rows = [measure(configuration(chosen, technique), data) for technique in TECHNIQUES]
    full, frozen = (row["ours, samples/s"] for row in rows)
    print_table(rows)
    print(f"a frozen backbone trains {frozen / full:.2f} times as fast as the full network")
    figures = {"target_ratio": TARGET, "techniques": rows, "frozen_speed_up": frozen / full}
    write_result("train_step", before, figures | {"options": vars(chosen)})
    return 0 if min(row["ratio"] for row in rows) >= TARGET else 1


def configuration(chosen: argparse.Namespace, technique: str) -> TrialConfig:
    """Return the recipe's configuration, long enough for the warm-up round and the measured ones."""
    settings = {"model": chosen.model, "technique": {"name": technique}, "batch_size": chosen.batch_size}
    return config_from_mapping(settings | {"epochs": chosen.rounds + 1}, "benchmark")


def measure(config: TrialConfig, data: MemoryDataset) -> dict[str, Any]:
    """Return the medians of one technique.

    The bare step runs inside the loop's report, so that both sides see the same seconds of the machine.
    """
    from train.data.charset import domain_charset
    from train.loop import TrainingData, train
    from train.steps.report import MakeCheckpoint, Metrics
    from train.tasks.recognition import Recognition

    task, step = Recognition(config, domain_charset(data.texts)), bare_step(config, data)
    ours, bare, loading = [], [], []

    def report(metrics: Metrics, make: MakeCheckpoint) -> None:
        epoch = int(metrics["epoch"])
        started = time.perf_counter()
        order = training_batches(data.widths, config.batch_size, config.seed, epoch)
        batches = [task.batch(data, indices, epoch) for indices in order]
        loaded = time.perf_counter()
        for batch in batches:
            step(batch)
        ours.append(metrics["train_seconds"])
        bare.append(time.perf_counter() - loaded)
        loading.append(loaded - started)

    one_line = Subset(data, [0])
    train(config, TrainingData(data, one_line), report)
    return figures(config.technique.name, len(data), ours[1:], bare[1:], loading[1:])


def figures(
    name: str, lines: int, ours: list[float], bare: list[float], loading: list[float]
) -> dict[str, Any]:
    """Return samples/s and their ratio from the seconds of every round."""
    ratios = [b / o for o, b in zip(ours, bare, strict=True)]
    return {
        "technique": name,
        "ours, samples/s": lines / statistics.median(ours),
        "bare, samples/s": lines / statistics.median(bare),
        "ratio": statistics.median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
        "loading, share of bare": statistics.median(loading) / statistics.median(bare),
    }


def bare_step(config: TrialConfig, data: MemoryDataset) -> Callable[[Any], None]:
    """Return a training step as one would write it by hand, on a network of its own."""
    from train.loop import assemble

    engine: Any = assemble(config, data)[0]  # the same weights, statistics and head
    import numpy as np
    import paddle  # after the engine, which tells Paddle's libraries what this processor can do

    network = engine._network.layer
    if config.technique.name == "frozen":
        for name, parameter in network.named_parameters():
            parameter.stop_gradient = not name.startswith("head.")
    network.eval()
    optimiser = paddle.optimizer.AdamW(
        learning_rate=config.optimiser.learning_rate,
        parameters=network.parameters(),
        grad_clip=paddle.nn.ClipGradByGlobalNorm(config.optimiser.clip_norm),
        weight_decay=config.optimiser.weight_decay,
    )

    def step(batch: Any) -> None:
        logits = network.head(network.model(paddle.to_tensor(batch.images)))
        lengths = np.array([len(target) for target in batch.targets], np.int64)
        labels = np.zeros((len(lengths), lengths.max()), np.int32)
        for row, target in zip(labels, batch.targets, strict=True):
            row[: len(target)] = target
        steps = paddle.full([len(lengths)], logits.shape[1], "int64")
        labels, lengths = paddle.to_tensor(labels), paddle.to_tensor(lengths)
        loss = paddle.nn.functional.ctc_loss(
            logits.transpose([1, 0, 2]), labels, steps, lengths, reduction="none"
        )
        loss.mean().backward()
        optimiser.step()
        optimiser.clear_grad()

    return step


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
