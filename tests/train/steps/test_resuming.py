"""A resumed run goes on with its own configuration and data, or says what else it was given."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.real_lines import config
from train.checkpoint import Checkpoint
from train.config_file import save_config
from train.data.charset import domain_charset
from train.data.dataset import Dataset, gather
from train.data.sample import Sample
from train.errors import StorageError, UsageError
from train.run import _named_config, main, parser
from train.steps.resuming import digest_data, require_same_data, resumable, sole_run
from train.steps.training_report import FILE
from train.system.files import locked

BEGUN = config(fit_width=320, epochs=8, dictionary="dict.txt")
CHECKPOINT = Checkpoint(BEGUN, domain_charset(["AB"]), 3, {}, {"weights": {}})


def test_a_run_goes_on_as_it_began_and_longer_but_not_otherwise(tmp_path: Path) -> None:
    arguments = parser().parse_args(["--data", "DIR", "--resume"])
    assert _named_config(arguments, CHECKPOINT) == BEGUN, "not the defaults"
    arguments.config = tmp_path / "mine.yaml"
    longer = BEGUN.model_copy(update={"epochs": 20, "dictionary": None})
    save_config(longer, arguments.config)
    assert _named_config(arguments, CHECKPOINT) == longer
    save_config(BEGUN.model_copy(update={"fit_width": 0}), arguments.config)
    with pytest.raises(UsageError, match="got fit_width: 320 -> 0; go back"):
        _named_config(arguments, CHECKPOINT)
    save_config(BEGUN, arguments.config)
    weighed = replace(CHECKPOINT, config=BEGUN.model_copy(update={"weights": "bundle"}))
    assert _named_config(arguments, weighed) == weighed.config, (
        "begun with --weights beside its configuration"
    )


def test_other_data_are_refused(tmp_path: Path) -> None:
    report, facts = tmp_path / FILE, {"train_samples": 9, "val_samples": 4, "data_digest": "new"}
    require_same_data(CHECKPOINT, report, facts, ["BA"])
    for earlier in ({}, {"data_digest": "new"}):
        report.write_text(json.dumps({"train_samples": 9, "val_samples": 4, **earlier}), encoding="utf-8")
        require_same_data(CHECKPOINT, report, facts, ["BA"])
    report.write_text(json.dumps({**facts, "data_digest": "old"}), encoding="utf-8")
    with pytest.raises(UsageError, match=r"got as many samples, but other ones.*name the data, --seed and"):
        require_same_data(CHECKPOINT, report, facts, ["BA"])
    report.write_text(json.dumps({**facts, "val_samples": 5}), encoding="utf-8")
    with pytest.raises(UsageError, match="got val_samples: 5 -> 4; characters that came: C; name the data"):
        require_same_data(CHECKPOINT, report, facts, ["AC", "C"])


def lines_of(folder: str, **texts: str) -> Dataset:
    samples = [Sample(Path(folder, name), text, "") for name, text in texts.items()]
    return gather(samples, [(np.zeros((48, 48, 3), np.uint8), (48, 48))] * len(samples))


def test_another_split_and_other_texts_are_other_data_but_not_another_folder() -> None:
    begun = digest_data({"train": lines_of("a", x="1", y="2"), "val": lines_of("a", z="3"), "general": None})
    moved = digest_data({"train": lines_of("b", y="2", x="1"), "val": lines_of("b", z="3"), "general": None})
    split = digest_data({"train": lines_of("a", x="1", z="3"), "val": lines_of("a", y="2"), "general": None})
    text = digest_data({"train": lines_of("a", x="1", y="2"), "val": lines_of("a", z="4"), "general": None})
    assert begun == moved
    assert len({begun, split, text}) == 3


def test_a_full_disk_is_an_interruption_once_there_is_something_to_go_on_from(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "state.npz")
    with pytest.raises(OSError, match=r"state\.npz") as raised, resumable(tmp_path / "last"):
        raise full
    assert raised.value is full
    (tmp_path / "last").mkdir()
    with (
        pytest.raises(StorageError, match=r"state.npz; make room, and --resume"),
        resumable(tmp_path / "last"),
    ):
        raise full
    with pytest.raises(FileNotFoundError), resumable(tmp_path / "last"):
        raise FileNotFoundError(errno.ENOENT, "it is a fault of another kind")


def test_two_runs_do_not_write_over_each_other(tmp_path: Path) -> None:
    with sole_run(tmp_path), pytest.raises(UsageError, match="one run at a time"), sole_run(tmp_path):
        pytest.fail("two at work")
    with sole_run(tmp_path), pytest.raises(UsageError, match="one run at a time"):
        main(["--data", str(tmp_path), "--output", str(tmp_path), "--resume"])
    with pytest.raises(UsageError, match="--resume goes with"):
        main(["--data", str(tmp_path), "--output", str(tmp_path / "mistyped"), "--resume"])
    assert not (tmp_path / "mistyped").exists()
    with pytest.raises(UsageError, match="not be the data folder"), sole_run(tmp_path, tmp_path / "a" / ".."):
        pass
    with sole_run(tmp_path), locked(tmp_path):
        pass  # a search in a folder of that name keeps its winners under the other lock
