"""What the version before result.json wrote is opened today: a bundle and finished studies; see tests/before."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from search.report.summary import summary
from search.studies.commands import main
from search.studies.read import read_result, read_study
from tests import real_lines, tiny_recogniser
from train.bundle import load_bundle
from train.cut import Cut
from train.data import images

STUDIES = Path(__file__).resolve().parents[2] / "before" / "studies"
EXPORTED = "910ebace"
READINGS = [("0", 0.032762), ("", 0.0), ("05", 0.033489), ("0", 0.034334), ("0", 0.033440), ("", 0.0)]
"""What that version read with its bundle on the first validation lines."""
LATER = [
    ("dictionary", None),
    ("upright", "as_is"),
    ("text_model", None),
    ("decoded", False),
    ("caution", None),
    ("dropout", 0.0),
    ("variety", "usual"),
    ("cut", Cut().model_dump()),
    ("epoch_share", 1.0),
    ("refit", None),
    ("int8", None),
    ("precision", "float32"),
    ("documents", None),
    ("val_loss", None),
]


def read_with(bundle: Path, data_dir: Path) -> list[tuple[str, float]]:
    samples = real_lines.samples(data_dir, split="val", count=len(READINGS))
    return load_bundle(bundle).recogniser().read([images.resize_line(images.read(s.path)) for s in samples])


def test_an_old_bundle_reads_as_it_did(data_dir: Path) -> None:
    for (text, confidence), (old_text, old_confidence) in zip(
        read_with(STUDIES / "tiny" / "best", data_dir), READINGS, strict=True
    ):
        assert text == old_text
        assert confidence == pytest.approx(old_confidence, abs=1e-4)


def without_new(found: Any) -> Any:
    """Return a summary without the settings that came later, each as it was before there was a choice."""
    if isinstance(found, list):
        return [without_new(each) for each in found]
    if not isinstance(found, dict):
        return found
    return {key: without_new(value) for key, value in found.items() if (key, value) not in LATER}


@pytest.mark.parametrize(("name", "max_epochs"), [("lines", 2), ("tiny", 4)])
def test_an_old_study_is_read_back_whole_but_for_its_misreadings(name: str, max_epochs: int) -> None:
    study = read_study(STUDIES / name)
    assert (study.state, study.is_earlier) == ("finished", True)
    result = read_result(study)
    assert (result.max_epochs, result.misreadings) == (max_epochs, ())
    today, old = summary(result), json.loads((STUDIES / name / "summary.json").read_text("utf-8"))
    worded_anew = "advice"
    assert {**without_new(json.loads(json.dumps(today))), worded_anew: old[worded_anew]} == old


def test_an_old_study_is_shown_listed_and_compared(capsys: pytest.CaptureFixture[str]) -> None:
    main(["show", "lines", "--storage", str(STUDIES)])
    shown = capsys.readouterr().out
    assert "Winner 23116b21" in shown
    assert "trained again to epoch 1 with 2 other seeds: 83.3 % in the mean" in shown
    assert shown.splitlines()[-1].startswith("this study is of an earlier version")
    main(["show", "lines", "--json", "--storage", str(STUDIES)])
    assert capsys.readouterr().out == (STUDIES / "lines" / "summary.json").read_text("utf-8")
    main(["list", "--json", "--storage", str(STUDIES)])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert {name: (row["state"], row["trials"]) for name, row in rows.items()} == {
        "lines": ("finished", 2),
        "tiny": ("finished", 2),
    }
    main(["compare", "tiny", "lines", "--storage", str(STUDIES)])
    compared = capsys.readouterr().out
    assert "validation: 0.0 % (0-39) -> 83.3 % (44-97); +83.3 points" in compared
    assert "model: tiny-recogniser -> pp-ocrv6-tiny" in compared


@pytest.mark.slow
def test_a_trial_of_an_old_study_is_exported(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_recogniser.register()
    folder = tmp_path / "runs" / "tiny"
    shutil.copytree(STUDIES / "tiny", folder)
    write_data(data_dir, tmp_path / "data")
    settings = json.loads((folder / "study.json").read_text("utf-8"))
    places = {"data": str(tmp_path / "data"), "storage": str(tmp_path / "runs")}
    (folder / "study.json").write_text(json.dumps(settings | places), "utf-8")
    output = tmp_path / "again"
    main(["export", "tiny", "--trial", EXPORTED, "--output", str(output), "--storage", places["storage"]])
    assert f"trial {EXPORTED}, epoch 1; 51 images read as before the export" in capsys.readouterr().out
    assert len(read_with(output, data_dir)) == len(READINGS)


def write_data(data_dir: Path, folder: Path) -> None:
    """Write the label files of the lines that the old study was made with."""
    folder.mkdir()
    for split, count in (("train", 12), ("val", 6)):
        samples = real_lines.samples(data_dir, split=split, count=count)
        text = "".join(f"{sample.path.resolve()}\t{sample.text}\n" for sample in samples)
        (folder / f"rec_gt_{split}.txt").write_text(text, "utf-8")
