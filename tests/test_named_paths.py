"""A path that names nothing, a folder for a file, a file for a folder, an empty file: one line, in every command."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from search.run import main as search
from search.studies.commands import main as results
from serve.read import main as read
from serve.run import main as serve
from tests.contracts.format_examples import write_image
from train.data.check import main as check
from train.data.convert import main as convert
from train.data.correct import main as correct
from train.data.format import main as propose
from train.data.synthetic import main as draw
from train.evaluate import main as evaluate
from train.export import main as export
from train.paddleocr_config.__main__ import main as translate
from train.quantise import main as quantise
from train.run import main as run
from train.system import cli

Main = Callable[[Sequence[str]], int | None]
KINDS = ("missing", "folder", "file", "empty")


class Case(NamedTuple):
    """A command line: `{}` is the path, `{data}` a folder of labelled lines, `{new}` one that is not there yet.

    Attributes:
        fits: kinds of paths that are not refused, or refused elsewhere.
        suffix: of the path.
    """

    main: Main
    line: str
    fits: tuple[str, ...] = ()
    suffix: str = ""


EVALUATE = "--model pp-ocrv6-tiny --labels {data}/rec_gt.txt"
CASES = [
    Case(check, "{}"),
    Case(check, "{data} --model-charset {}", ("file",)),
    Case(convert, "{} {new}"),
    Case(correct, "{} {data}/rec_gt.txt"),
    Case(correct, "{} --repair lookalike"),
    Case(propose, "{}"),
    Case(draw, "--texts {} --fonts {data} --out {new}", ("file",)),
    Case(draw, "--texts {texts} --fonts {} --out {new}"),
    Case(translate, "{}", suffix=".yml"),
    Case(evaluate, "--bundle {} --labels {data}/rec_gt.txt"),
    Case(evaluate, "--checkpoint {} --labels {data}/rec_gt.txt"),
    Case(evaluate, "--model pp-ocrv6-tiny --labels {}", suffix=".txt"),
    Case(evaluate, EVALUATE + " --detection {}"),
    Case(evaluate, EVALUATE + " --errors {}", ("missing", "file", "empty")),
    Case(export, "{} {new} --labels {data}/rec_gt.txt"),
    Case(quantise, "{} --labels {data}/rec_gt.txt"),
    Case(read, "{} --output {new}.jsonl", ("file", "empty")),
    Case(read, "{data} --output {new}.jsonl --recognition {}"),
    Case(read, "{data} --output {new}.jsonl --detection {}"),
    Case(results, "list --storage {}", ("folder",)),
    Case(results, "show a --storage {}"),
    Case(run, "--data {} --output {new}"),
    Case(run, "--data {data} --output {new} --config {}", suffix=".yaml"),
    Case(run, "--data {data} --output {new} --weights {}", ("folder", "file", "empty")),
    Case(run, "--data {data} --output {new} --reading {}"),
    Case(run, "--data {data} --output {new} --texts {}", ("file",)),
    Case(run, "--data {data} --output {new} --dictionary {}", ("file",)),
    Case(run, "--data {data} --output {new} --general-labels {}"),
    Case(run, "--data {data} --output {new} --synthetic-labels {}"),
    Case(run, "--data {data} --output {new} --detection {}"),
    Case(run, "--data {data} --output {}", ("missing", "folder")),
    Case(run, "--data {data} --output {new} --cache {}", ("missing", "folder")),
    Case(run, "--data {data} --output {new} --root {}", ("folder",)),
    Case(search, "--data {data} --storage {new} --space {}", suffix=".yaml"),
    Case(search, "--data {data} --storage {new} --reading {}"),
    Case(search, "--data {data} --storage {new} --texts {}", ("file",)),
    Case(
        search,
        "--data {data} --storage {new} --model pp-ocrv6-tiny --weights {}",
        ("folder", "file", "empty"),
    ),
    Case(search, "--data {data} --storage {new} --task detection --recognition {}"),
    Case(search, "--data {data} --storage {}", ("missing", "folder")),
    Case(serve, "--storage {new} --general-labels {}"),
]
WRONG = [(case, kind) for case in CASES for kind in KINDS if kind not in case.fits]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of labelled lines, enough to make splits of."""
    folder = tmp_path_factory.mktemp("data")
    for number in range(14):
        write_image(folder / f"{number}.png", number)
    folder.with_name("texts.txt").write_text("A1\n")
    (folder / "rec_gt.txt").write_text("".join(f"{number}.png\tA{number}\n" for number in range(14)))
    return folder


def make(kind: str, path: Path) -> Path:
    """Make what is named, if it is to be there."""
    if kind == "folder":
        path.mkdir()
    elif kind != "missing":
        path.write_text("x\n" if kind == "file" else "")
    return path


@pytest.mark.parametrize(
    ("case", "kind"), WRONG, ids=[f"{case.main.__module__}-{case.line}-{kind}" for case, kind in WRONG]
)
def test_a_path_that_does_not_fit_is_told_in_one_line(
    case: Case,
    kind: str,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("train.run.keep_freed", lambda: None)  # else all later tests of this process would
    path = make(kind, tmp_path / f"{kind}{case.suffix}")
    places = {"{data}": data, "{texts}": data.with_name("texts.txt"), "{new}": tmp_path / "new"}
    line = case.line
    for name, place in places.items():
        line = line.replace(name, str(place))
    status = cli.run(case.main, [word.replace("{}", str(path)) for word in line.split()])
    said = capsys.readouterr().err.splitlines()
    assert status in (1, 2)
    assert [word for word in said if word.startswith("error: ")] == said[-1:]
    assert path.name in said[-1]
    assert "[Errno" not in said[-1]
    assert not (tmp_path / "new").exists() or not any((tmp_path / "new").iterdir())
