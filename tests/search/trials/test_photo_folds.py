"""Few photos: over folds a detector has one choice of thresholds for all of them, as in its bundle."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from search.records.from_reports import Samples, measure_report
from search.records.trial_report import join_rows, read_chosen
from search.selection import winner
from search.storage.journal import TrialJournal
from search.trials.folds import Fold, Predicted
from tests.search.made_result import trial
from tests.search.trials.test_folds import report
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.data.charset import Charset
from train.data.dataset import gather
from train.data.sample import Sample
from train.scoring.regions import RegionScores

DETECTOR = TrialConfig(task="detection", model="pp-ocrv6-tiny-det")


def photos(flattering: int, number: int = 6) -> Fold:
    """Return a fold in which the first triple of thresholds finds half of the texts or all, a flattering one all."""
    counts = np.zeros((number, 54, 5))
    counts[:, :, 1:3] = 4
    counts[:, flattering, [0, 3]] = 4, 3
    counts[:, 0, 0] = np.where(np.arange(number) % 2, 2, 4)
    samples = [Sample(Path(f"{n}.png"), "[]", f"labels:{n}") for n in range(number)]
    data = gather(samples, [(np.zeros((32, 32, 3), np.uint8), (70, 90))] * number)
    rows = counts[:, flattering]
    kept = Checkpoint(DETECTOR, Charset(()), 2, {}, {})
    metrics = {**RegionScores.of(rows).values(), "loss": 1.0}
    return Fold(metrics, rows, number, 1.0, kept, Predicted(data, list(counts), data.sizes))


def test_thresholds_are_chosen_once_for_the_photos_of_all_folds() -> None:
    """Each fold alone would have those that flatter it; nobody could serve them together."""
    alone, both = (report([photos(7), photos(9)][:count], 2, DETECTOR) for count in (1, 2))
    one, two = (measure_report(told, RegionScores, Samples(9)).scores for told in (alone, both))
    assert (one.n, one.primary, two.n, two.primary) == (6, 1, 12, 0.75)
    assert two.interval is not None
    assert two.interval.low < 0.75 < two.interval.high
    rows = join_rows([alone, both])
    assert rows is not None
    assert rows[:, 0].tolist() == [4, 2] * 6
    chosen = read_chosen([alone, both])
    assert chosen is not None
    found = chosen.detection
    assert (found.thresh, found.box_thresh, found.unclip_ratio) == (0.2, 0.3, 1.25)
    assert found.max_side_px == 96, "photos larger than all that were seen are shrunken"


def test_the_bundle_has_them_and_a_pretrained_one_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The study's own validation split is a handful of photos."""
    asked: list[Any] = []
    monkeypatch.setattr(winner, "tune", lambda *arguments: asked.append(arguments))
    both = report([photos(7), photos(9)], 2, DETECTOR)
    record, training = trial(0), SimpleNamespace(val=None, train=SimpleNamespace(sizes=None))
    journals = {record.id: TrialJournal(record.id, {}, [both.to_row()])}
    search: Any = SimpleNamespace(folds=2, data=SimpleNamespace(training=training), journals=journals)
    network: Any = object()
    winner.tune_winner(search, record, network, is_trained=True)
    assert asked[0][-1] == read_chosen([both])
    assert winner.tune_winner(search, record, network, is_trained=False) is network
