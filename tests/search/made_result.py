"""A constructed StudyResult: pure data, no training."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from search.records.evidence import LabelCheck, LabelError
from search.records.facts import BadSample, DataSummary, GeneralSummary
from search.records.ranking import Forgetting
from search.records.result import Baseline, Comparison, Misreading, StudyResult
from search.records.trial import Measure, State, TrialRecord
from train.config import TrialConfig, config_from_mapping
from train.scoring.intervals import paired_gain_interval
from train.scoring.texts import TextScores
from train.system.dotted import nest

N = 172
KNOWN, GENERAL = 0.75, 40


def config(index: int) -> TrialConfig:
    rng = np.random.default_rng(index)
    technique = ["full", "frozen", "discriminative", "gradual"][index % 4]
    settings = {
        "model": ["pp-ocrv6-tiny", "pp-ocrv6-small"][index // 2 % 2],
        "technique.name": technique,
        "optimiser.learning_rate": float(10 ** rng.uniform(-4.5, -2.5)),
        "batch_size": int(rng.choice([16, 32, 64])),
        "augmentation.probability": float(rng.uniform(0, 0.6)),
    }
    if technique == "discriminative":
        settings["technique.options.stem"] = float(10 ** rng.uniform(-3, -1))
    return config_from_mapping(nest(settings), "test")


def trial(index: int, state: State = "finished", epochs: int = 8, top: float = 0.7) -> TrialRecord:
    rng = np.random.default_rng(100 + index)
    curve = top - (top - 0.3) * np.exp(-np.arange(1, epochs + 1) / 3) + rng.normal(0, 0.012, epochs)
    history = tuple(
        Measure(
            epoch=epoch,
            scores=TextScores(
                N, round(float(share) * N) / N, float(0.6 + 0.4 * share), float(0.35 * (1 - share))
            ),
            loss=float(3 * (1 - share)),
            seconds=35.0 * epoch,
        )
        for epoch, share in enumerate(curve, 1)
    )
    reason = {"failed": "ModelError: no weights <there>", "diverged": "the loss became NaN"}.get(state, "")
    return TrialRecord(
        id=f"t{index:02d}",
        state=state,
        config=config(index),
        history=history,
        started=200.0 * index,
        seconds=35.0 * epochs,
        reason=reason,
    )


def forgetful(found: TrialRecord, lost: Sequence[float], limit: float | None) -> TrialRecord:
    """Return the trial as one whose epochs fell from KNOWN by `lost` on the general lines."""
    known = Forgetting({found.config.model: KNOWN}, limit, GENERAL)
    history = [
        measure.model_copy(
            update={
                "general": TextScores(GENERAL, KNOWN - fall, 0.9 - fall, 0.1 + fall),
                **known.measure(found.config.model, KNOWN - fall)._asdict(),
            }
        )
        for measure, fall in zip(found.history, lost, strict=False)
    ]
    return found.model_copy(update={"history": tuple(history)})


def with_general(limit: float | None, falls: Sequence[float]) -> StudyResult:
    """Return the result of a search with general lines, on which trial i fell by falls[i % len(falls)]."""
    found = tuple(forgetful(t, [falls[i % len(falls)]] * 8, limit) for i, t in enumerate(trials()))
    start = result(found)
    known = TextScores(GENERAL, KNOWN, 0.9, 0.1)
    baselines = tuple(b.model_copy(update={"general": known}) for b in start.baselines)
    general = comparison("general", GENERAL)
    changes = {
        "general": GeneralSummary(lines=GENERAL, replay_lines=GENERAL, max_forgetting=limit),
        "baselines": baselines,
        "comparisons": (*start.comparisons, general) if start.winner else (),
    }
    return start.model_copy(update=changes)


def trials() -> tuple[TrialRecord, ...]:
    scored = [
        trial(i, "stopped" if i % 3 == 1 else "finished", 3 if i % 3 == 1 else 8, 0.45 + 0.03 * (i * 5 % 12))
        for i in range(12)
    ]
    return (*scored, trial(12, "failed", 0), trial(13, "diverged", 2, 0.95))


def comparison(split: Literal["validation", "test", "general"], n: int = N) -> Comparison:
    rng = np.random.default_rng(5)
    before, after = rng.random(n) < 0.33, rng.random(n) < 0.8
    untouched = TextScores(n, float(before.mean()), 0.8, 0.15)
    return Comparison(
        split=split,
        baseline=Baseline(model="pp-ocrv6-tiny", charset="domain", scores=untouched),
        winner=TextScores(n, float(after.mean()), 0.97, 0.02),
        gain=paired_gain_interval(rows(before), rows(after), share, 0),
    )


def rows(right: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return (N, 2): 1, and whether a sample is right."""
    return np.stack([np.ones(len(right)), right], axis=1)


def share(sums: npt.NDArray[np.float64]) -> float:
    return float(sums[1] / sums[0])


def result(found: tuple[TrialRecord, ...] | None = None) -> StudyResult:
    tiny = Baseline(model="pp-ocrv6-tiny", charset="keep", scores=TextScores(N, 0.25, 0.74, 0.21))
    domain = Baseline(model="pp-ocrv6-tiny", charset="domain", scores=TextScores(N, 0.326, 0.8, 0.17))
    readings = ["MX1TA69V9LA09669O", "WBACA82O70AA70045", "XWEE2811BMC0021", "", "1HGCM82633A00435222"]
    texts = [
        "MX1TA69V9LA096690", "WBACA82070AA70045", "XWEE2811BMC002140", "JH4KA7650MC0<&>31", "1HGCM82633A004352"
    ]  # fmt: skip
    return StudyResult(
        name="vin",
        space="recognition",
        data=DataSummary(
            path="data/vin",
            samples={"train": 512, "val": N, "test": 90},
            origins={"train": "rec_gt_train.txt", "val": "rec_gt_val.txt", "test": "made: by text, seed 0"},
            left_out=(BadSample(source="images/x.png", reason="unreadable"),),
        ),
        baselines=(tiny, domain),
        trials=trials() if found is None else found,
        comparisons=(comparison("validation"), comparison("test", 90)),
        misreadings=tuple(
            Misreading(index=i, source=f"images/val_{i:04d}.png", text=t, reading=r, confidence=0.9 - 0.1 * i)
            for i, (t, r) in enumerate(zip(texts, readings, strict=True))
        ),
        max_epochs=8,
        wall_seconds=3725.0,
        versions={"ocrtune": "0.1.0", "ray": "2.60.0"},
        seeds={"search": 0, "split": 0},
        commands={
            "Measure it": "python train/evaluate.py --bundle runs/vin/best --labels data/vin/rec_gt_val.txt",
            "Serve it": "python serve/run.py --recognition runs/vin/best",
            "Train it again": "python train/run.py --data data/vin --config runs/vin/best/config.yaml",
            "Search again": "python search/run.py --data data/vin --name vin --time-budget 60m --seed 0",
        },
    )


def with_labels() -> StudyResult:
    """Return the result with two possible label errors."""
    errors = [
        LabelError(
            split=split, index=index, source=f"images/{split}_{index:04d}.png", label="LVVDBZ4B5MD136440",
            reading="LVVDB24B5MD136440", votes=4, voters=5, chance=chance,
        )
        for split, index, chance in (("val", 3, 2.4e-11), ("train", 1, 4e-4))
    ]  # fmt: skip
    check = LabelCheck(
        samples=tuple(errors), voters=("winner", "t01", "t02", "t05", "t07"), splits={"val": N, "train": 512}
    )
    return result().model_copy(update={"labels": check})


def image_of(index: int) -> npt.NDArray[np.uint8]:
    import cv2

    image = np.full((48, 260 + 20 * index, 3), (150, 160, 170), np.uint8)
    cv2.putText(image, "VIN 0O 8B 5S", (8, 34), cv2.FONT_HERSHEY_SIMPLEX, 1, (40, 40, 50), 2)
    return image
