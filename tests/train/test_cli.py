"""Every entry point ends with the exit status the house promises."""

from collections.abc import Sequence

import pytest

from train import cli
from train.errors import DataError, UsageError


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


def test_other_errors_keep_their_traceback() -> None:
    def main(arguments: Sequence[str]) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cli.run(main, [])


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (1, 1)])
def test_what_main_returns_is_the_status(returned: int | None, status: int) -> None:
    assert cli.run(lambda arguments: returned, []) == status


def test_main_guard_leaves_the_process() -> None:
    with pytest.raises(SystemExit) as left:
        cli.main_guard(lambda arguments: len(arguments) * 0)
    assert left.value.code == 0
