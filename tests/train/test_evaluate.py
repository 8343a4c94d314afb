"""`python train/evaluate.py`: the same scores from a bundle, a checkpoint and the loop, and errors in one line."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contracts.format_examples import write_image
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.data.charset import Charset
from train.data.dataset import Dataset, decode_samples
from train.data.decoded.stored import LINES as LINES_STORED
from train.data.formats.loading import load_file
from train.evaluate import load_labelled, main, parser
from train.export import export_checkpoint
from train.loop import assemble
from train.scoring.texts import TextScores
from train.steps.validation import evaluate
from train.system import cli
from train.tasks.recognition import Recognition
from train.trained.mistakes import describe, tell_hopeless, write_table

REPOSITORY = Path(__file__).resolve().parents[2]
LINES = 40
KEYS = {"n", "exact_match", "edit_similarity", "cer", "charset_rule"}


@dataclass(frozen=True)
class Made:
    """One network in every form, and what the training loop scores it."""

    labels: Path
    checkpoint: Path
    bundle: Path
    data: Dataset
    scores: TextScores


@pytest.fixture(scope="module")
def made(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("evaluate")
    samples = load_file(data_dir / "scene_words/rec_gt_val.txt")[:LINES]
    labels = folder / "labels.txt"
    labels.write_text("".join(f"{s.path}\t{s.text}\n" for s in samples), encoding="utf-8")
    data = decode_samples(samples)
    config = TrialConfig(model="pp-ocrv6-tiny", charset="domain")
    engine, task = assemble(config, data)
    scores, _ = evaluate(engine, task, data)
    checkpoint = Checkpoint(config, engine.charset, 0, {}, engine.state())
    checkpoint.save(folder / "checkpoint")
    export_checkpoint(checkpoint, data, folder / "bundle")
    return Made(labels, folder / "checkpoint", folder / "bundle", data, scores)


@pytest.mark.slow
@pytest.mark.parametrize("source", ["bundle", "checkpoint"])
def test_the_scores_are_the_training_loops(
    made: Made, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [f"--{source}", str(getattr(made, source)), "--labels", str(made.labels), "--json"]
    assert cli.run(main, arguments) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed.keys() == KEYS
    assert printed == pytest.approx(made.scores.as_dict())
    assert printed["n"] == LINES


@pytest.mark.slow
def test_a_pretrained_model_is_scored_and_its_mistakes_listed(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mistakes = tmp_path / "errors.tsv"
    arguments = [
        "--model",
        "pp-ocrv6-tiny",
        "--labels",
        str(made.labels),
        "--errors",
        str(mistakes),
        "--json",
    ]
    assert cli.run(main, [*arguments, "--charset-rule", "case-insensitive"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["charset_rule"] == "case-insensitive"
    rows = [line.split("\t") for line in mistakes.read_text(encoding="utf-8").splitlines()[1:]]
    assert len(rows) == round((1 - printed["exact_match"]) * LINES) > 0
    assert all(label.casefold() != reading.casefold() for _, label, reading, _ in rows)
    assert {source for source, *_ in rows} <= set(made.data.sources)


def test_texts_with_tabs_and_line_ends_stay_in_their_cells(tmp_path: Path) -> None:
    rows = [("a.png", 'say "8"', "A\tB", "0.9"), ("b.png", '"C"', "D\r\nE", "0.8")]
    write_table(tmp_path / "errors.tsv", rows)
    with (tmp_path / "errors.tsv").open(newline="", encoding="utf-8") as file:
        assert list(map(tuple, csv.reader(file, delimiter="\t")))[1:] == rows
    assert 'say "8"\t"A\tB"' in (tmp_path / "errors.tsv").read_text(encoding="utf-8")


@pytest.mark.slow
def test_it_is_a_script_that_needs_no_installation(made: Made, tmp_path: Path) -> None:
    command = [sys.executable, str(REPOSITORY / "train/evaluate.py"), "--bundle", str(made.bundle)]
    environment = os.environ | {"PYTHONPATH": ""}
    done = subprocess.run(
        [*command, "--labels", str(made.labels)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{LINES} lines: exact match {made.scores.exact_match:.3f} (95 %")


@pytest.mark.slow
def test_a_bundle_is_read_without_a_training_framework(made: Made) -> None:
    program = (
        "import sys; from pathlib import Path; from train.bundle import load_bundle;"
        "import numpy as np; line = np.full((48, 300, 3), 255, np.uint8);"
        f"print(load_bundle(Path({str(made.bundle)!r})).recogniser().read([line]));"
        "sys.exit(len({'paddle', 'paddlex', 'torch', 'ray'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["--model", "nothing"], 2, "choose from: "),
        (["--bundle", "nowhere", "--charset", "keep"], 2, "--charset goes with --model"),
        (["--bundle", "nowhere", "--threads", "0"], 2, "--threads must be at least 1"),
        (["--model", "pp-ocrv6-tiny", "--precision", "int8"], 2, "--precision goes with --bundle"),
    ],
)
def test_what_cannot_work_is_one_line(
    arguments: list[str], status: int, says: str, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = ["--labels", str(data_dir / "vin_photo/rec_gt.txt")]
    assert cli.run(main, [*arguments, *labels]) == status
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert says in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("name", ["missing.txt", "without_images.txt", "empty.txt"])
def test_bad_labels_are_one_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "without_images.txt").write_text("gone.png\ttext\n")
    (tmp_path / "empty.txt").write_text("")
    assert cli.run(main, ["--model", "pp-ocrv6-tiny", "--labels", str(tmp_path / name)]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_images_without_a_label_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty reading of one is no right one; an empty label that is there counts as ever."""
    for name in ("a", "b", "c"):
        write_image(tmp_path / f"{name}.png", 0)
    (tmp_path / "a.gt.txt").write_text("A")
    (tmp_path / "b.gt.txt").write_text("")
    arguments = ["--model", "pp-ocrv6-tiny", "--labels", str(tmp_path)]
    assert cli.run(main, arguments) != 0
    assert "empty_text: no label" in capsys.readouterr().err
    chosen = parser().parse_args([*arguments, "--allow-bad", "1"])
    assert [*load_labelled(chosen, Recognition, LINES_STORED)[1].texts] == ["A", ""]


def test_labels_that_no_reading_matches_are_told() -> None:
    task = Recognition(TrialConfig(), Charset(("A", "B")))
    assert tell_hopeless(task, ["AB", "B"]) == []
    assert tell_hopeless(task, ["AB", "AC", "", "D"]) == [
        "labels with characters that the model cannot write ('C', 'D'): 2 of 4, which count as misread",
        "labels that are empty: 1 of 4, which count as misread",
    ]


def test_the_line_for_people_has_the_interval() -> None:
    line = describe(TextScores(263, 81 / 263, 0.5, 0.25), Recognition.terms)
    assert "263 lines: exact match 0.308 (95 % interval 0.255 to 0.366)" in line
