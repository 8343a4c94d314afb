"""What is proposed of labels' format, and what is said of the labels that break it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from train.data import check
from train.data import format as format_command
from train.data.drawing.vin import random_vin
from train.reading.automata.patterns import parsed
from train.reading.formats.declared import declared_rules
from train.reading.formats.infer import propose, propose_pattern
from train.system import cli


@pytest.mark.parametrize(
    ("make", "pattern"),
    [
        (lambda rng: f"LOT-{rng.integers(10**4):04d}/{'ABC'[rng.integers(3)]}", r"LOT\-\d{4}/[A-Z]"),
        (lambda rng: f"{rng.integers(10 ** rng.integers(1, 4))}.{rng.integers(10, 100)} EUR", r"\d{1,3}\.\d{2} EUR"),
        (lambda rng: "".join(rng.choice(list("A-#7k"), rng.integers(1, 9))), None),
    ],
)  # fmt: skip
def test_a_pattern_is_what_stands_at_each_place_or_in_which_order(make, pattern) -> None:
    texts = [make(np.random.default_rng(seed)) for seed in range(200)]
    assert propose_pattern(texts) == pattern
    if pattern:
        accepts = parsed(pattern).accepts
        assert all(map(accepts, texts))


def test_a_check_is_proposed_where_labels_obey_it_by_more_than_chance() -> None:
    vins = [random_vin(np.random.default_rng(seed)) for seed in range(60)]
    assert [one.rule.name for one in propose(vins)] == ["pattern", "vin"]
    numbers = [f"{np.random.default_rng(seed).integers(10**13):013d}" for seed in range(200)]
    assert [one.rule.name for one in propose(numbers)] == ["pattern"]
    from_the_right = [f"\u05d0\u05d1-{number:03d}" for number in range(60)]
    assert propose(from_the_right)[0].rule.obeying == 60


def test_labels_that_break_the_format_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vins = [random_vin(np.random.default_rng(seed)) for seed in range(40)]
    wrong = vins[7][:-1] + str((int(vins[7][-1]) + 1) % 10)
    rows = [f"{number}.png\t{text}" for number, text in enumerate([*vins[:7], wrong, *vins[8:]])]
    (tmp_path / "rec_gt_train.txt").write_text("\n".join([*rows, ""]), encoding="utf-8")
    rng = np.random.default_rng(0)
    for number in range(40):
        cv2.imwrite(str(tmp_path / f"{number}.png"), rng.integers(0, 255, (48, 400, 3)).astype(np.uint8))
    assert cli.run(format_command.main, [str(tmp_path), "--write", str(tmp_path / "format.yaml")]) == 0
    assert f"rec_gt_train.txt:8: '{wrong}' breaks vin" in capsys.readouterr().out
    assert [rule.name for rule in declared_rules(None, tmp_path)] == ["pattern", "vin"]
    assert cli.run(check.main, [str(tmp_path), "--headers-only"]) == 0
    assert f"'{wrong}' breaks vin" in capsys.readouterr().out
