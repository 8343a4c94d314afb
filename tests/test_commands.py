"""The command lines beside each other: what they share is the same, and an error recommends what all of them have."""

import argparse
import ast
import re
from pathlib import Path
from typing import Any

import pytest

from search.arguments import parser as search
from search.studies.commands import parser as results
from serve.arguments import parser as serve
from train.data.check import parser as check
from train.data.convert import parser as convert
from train.data.correct import parser as correct
from train.errors import UsageError
from train.evaluate import parser as evaluate
from train.export import parser as export
from train.quantise import parser as quantise
from train.run import parser as run
from train.system import cli

REPOSITORY = Path(__file__).resolve().parent.parent
READERS = {
    "search": search, "run": run, "evaluate": evaluate, "check": check, "convert": convert, "correct": correct,
    "export": export, "quantise": quantise,
}  # fmt: skip
LISTS = {"--train-labels", "--val-labels", "--test-labels"}
SHARED = {
    **{option: set(READERS) for option in ("--format", "--option", "--root")},
    **{option: {"search", "run", "check", "convert"} for option in LISTS},
    "--allow-bad": {"search", "run", "evaluate", "check", "convert"},
    "--test-fraction": {"search", "run", "convert"},
}


def options_of(parser: argparse.ArgumentParser) -> dict[str, Any]:
    return {name: action for action in parser._actions for name in action.option_strings}


@pytest.mark.parametrize("option", sorted(SHARED))
def test_a_shared_option_is_the_same_in_every_command(option: str) -> None:
    found = {
        name: options[option] for name, make in READERS.items() if option in (options := options_of(make()))
    }
    assert found.keys() == SHARED[option]
    kinds = ("nargs", "const", "default", "type", "choices", "required", "metavar")
    assert (
        len({str([type(action), *(getattr(action, kind) for kind in kinds)]) for action in found.values()})
        == 1
    )


def test_what_reads_labels_recommends_only_what_every_command_has() -> None:
    """Formats, checks and splits do not know which command they serve."""
    everywhere = set.intersection(*(set(options_of(READERS[name]())) for name in ("search", "run", "check")))
    wrong = []
    for path in sorted((REPOSITORY / "train" / "data").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "add_argument" in text or path.parent.name == "drawing":
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("Error"):
                named = re.findall(r"(?<![\w-])--[a-z][a-z-]+", ast.unparse(node))
                wrong += [f"{path.name}:{node.lineno} {name}" for name in named if name not in everywhere]
    assert not [each for each in wrong if not each.endswith((" --cache", " --name"))]


@pytest.mark.parametrize("make", [*READERS.values(), results, serve], ids=lambda make: make.__module__)
def test_an_option_of_one_value_is_given_once(make: Any) -> None:
    parser = make()
    assert isinstance(parser, cli.Parser)
    once = [action for action in parser._actions if type(action) is cli._StoreOnce and action.option_strings]
    for action in once:
        given = next(iter(action.choices)) if action.choices else "1"
        with pytest.raises(UsageError, match="must be given once") as raised:
            parser.parse_known_args(
                [action.option_strings[0], str(given), action.option_strings[0], str(given)]
            )
        assert raised.value.exit_status == 2


def test_lists_that_are_given_twice_are_joined() -> None:
    chosen = search().parse_args(["--train-labels", "a", "--val-labels", "v", "--train-labels", "b"])
    assert (chosen.train_labels, chosen.val_labels) == ([Path("a"), Path("b")], [Path("v")])
    assert not [key for key in vars(chosen) if key.startswith("_")]
