"""A resumed run goes on with its own configuration and data, or says what else it was given."""

import json
from pathlib import Path

import pytest

from tests.real_lines import config
from train.checkpoint import Checkpoint
from train.config_file import save_config
from train.data.charset import domain_charset
from train.errors import UsageError
from train.run import _named_config, parser
from train.steps.resuming import require_same_data, sole_run
from train.steps.training_report import FILE

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


def test_other_data_are_refused(tmp_path: Path) -> None:
    report, facts = tmp_path / FILE, {"train_samples": 9, "val_samples": 4}
    require_same_data(CHECKPOINT, report, facts, ["BA"])
    report.write_text(json.dumps({**facts, "val_samples": 5}), encoding="utf-8")
    with pytest.raises(UsageError, match="got val_samples: 5 -> 4; characters that came: C; go back"):
        require_same_data(CHECKPOINT, report, facts, ["AC", "C"])


def test_two_runs_do_not_write_over_each_other(tmp_path: Path) -> None:
    with sole_run(tmp_path), pytest.raises(UsageError, match="one run at a time"), sole_run(tmp_path):
        pytest.fail("two at work")
    with sole_run(tmp_path):
        pass
