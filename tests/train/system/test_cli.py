"""Every entry point ends with the exit status the house promises."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from train.errors import DataError, UsageError
from train.system import cli

REPOSITORY = Path(__file__).resolve().parent.parent.parent.parent
SCRIPTS = ("search/run.py", "search/results.py", "train/run.py", "train/evaluate.py", "serve/run.py")
MODULES = (  # but train.data.correct, which needs none
    "train.data.check", "train.data.convert", "train.data.synthetic", "train.export",
    "train.quantise", "train.engines.choice",
)  # fmt: skip


@pytest.mark.parametrize(("error", "status"), [(DataError, 1), (UsageError, 2)])
def test_an_ocr_error_is_one_line_and_its_status(
    error: type[DataError], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(arguments: Sequence[str]) -> int:
        raise error("a rule", "a value", "a remedy")

    assert cli.run(main, []) == status
    assert capsys.readouterr().err == "error: a rule, got a value; a remedy\n"


def test_ctrl_c_is_status_3(capsys: pytest.CaptureFixture[str]) -> None:
    def main(arguments: Sequence[str]) -> int:
        raise KeyboardInterrupt

    assert cli.run(main, []) == 3
    assert "Traceback" not in capsys.readouterr().err


def test_sigterm_is_as_ctrl_c(tmp_path: Path) -> None:
    """A scheduler of jobs sends it before it kills: what was begun is written down, and said.

    Paddle takes the signal for itself when it is imported, here as training imports it.
    """
    (tmp_path / "waiting.py").write_text(
        "import time\nfrom train.engines import ENGINES\n"
        "def main(arguments):\n    print('ready on', ENGINES.get('paddle').device(), flush=True)\n    time.sleep(60)\n"
    )
    code = "from train.system.cli import main_guard; main_guard('waiting')"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline().startswith("ready on ")
        run.terminate()
        assert run.communicate()[1] == "interrupted\n"
    assert run.returncode == 3


def test_other_errors_keep_their_traceback() -> None:
    def main(arguments: Sequence[str]) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cli.run(main, [])


PRINTS = r"""
import sys
from train.system import cli
def main(arguments):
    for number in range(20_000):
        print("\u8eca \udcff", number)
    return 1
cli.prepare_output()
sys.exit(cli.run(main))
"""


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_terminal_shows_escapes_and_a_closed_pipe_nothing(unbuffered: str) -> None:
    environment = {"PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": "ascii", "PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen(
        [sys.executable, "-c", PRINTS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as run:
        assert run.stdout
        assert run.stderr
        assert run.stdout.readline() == b"\\u8eca \\udcff 0\n"
        run.stdout.close()
        assert (run.stderr.read(), run.wait()) == (b"", 1)


def test_what_the_system_refuses_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def main(arguments: Sequence[str]) -> None:
        (tmp_path / "none" / "file").write_text("", encoding="utf-8")

    assert cli.run(main, []) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: files and folders must be there, each where it is named, got No such file")
    assert str(tmp_path / "none" / "file") in line


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (1, 1)])
def test_what_main_returns_is_the_status(returned: int | None, status: int) -> None:
    assert cli.run(lambda arguments: returned, []) == status


def test_main_guard_leaves_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_command.py").write_text("def main(arguments):\n    return 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SystemExit) as left:
        cli.main_guard("a_command")
    assert left.value.code == 1


@pytest.mark.parametrize("command", [*SCRIPTS, *MODULES])
def test_without_the_packages_a_command_names_the_interpreter_and_the_remedy(command: str) -> None:
    """As with `ray job submit` from an environment that is not activated: `python` is another one there."""
    words = [command] if command in SCRIPTS else ["-m", command]
    done = subprocess.run(  # -S: no site-packages
        [sys.executable, "-S", *words, "--help"], cwd=REPOSITORY, env={}, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: the package ")
    assert f"none for {sys.executable} (Python 3" in line
    assert "activate the environment (. .venv/bin/activate)" in line


def test_a_missing_file_of_ours_keeps_its_traceback() -> None:
    """It is no package that anyone could install."""
    with pytest.raises(ModuleNotFoundError, match=r"train\.no_such_file"):
        cli.main_guard("train.no_such_file")
