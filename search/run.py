"""Search for the configuration that reads your images best: the main command."""

import argparse
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others
    from train.system.cli import main_guard

    main_guard("search.run")

from search.arguments import parser
from search.settings import ASKED, PHOTOS, StudySettings
from train.config import config_error
from train.data.arguments import lists_of, named_data, options_of
from train.errors import StorageError, UsageError
from train.system.cli import INTERRUPTED
from train.system.paths import name_after, study_name

OPTIONS = {
    "time_budget_s": "--time-budget",
    "cpus": "--cpus-per-trial",
    "gpus": "--gpus-per-trial",
    "workers": "--workers-per-trial",
}
"""The option of each setting that has another name and a value that `StudySettings` may refuse; others are `--NAME`."""


def settings_of(arguments: argparse.Namespace, given: Collection[str] = ()) -> StudySettings:
    """Return the validated settings; raise UsageError for what cannot work.

    Set are those that differ from the defaults, and of the rest those that were `given`.
    """
    named_data(arguments.data, arguments)  # refuses both a folder and lists
    if arguments.max_forgetting is not None and not arguments.general_labels:
        raise UsageError(
            "--max-forgetting is measured on general lines",
            arguments.max_forgetting,
            "add --general-labels FILE",
        )
    same = {key: getattr(arguments, key) for key in StudySettings.model_fields if hasattr(arguments, key)}
    names = ("data", "general_labels", "synthetic_labels", "reading", "texts", "cache")
    paths = {key: str(path) for key in names if (path := getattr(arguments, key))}
    told = {
        "name": _name_of(arguments),
        "data_format": arguments.format,
        "data_options": options_of(arguments.option),
        "labels": {split: tuple(map(str, files)) for split, files in lists_of(arguments).items()},
        "general_options": options_of(arguments.general_option, "--general-option"),
        "space": arguments.space or arguments.task or StudySettings.model_fields["space"].default,
        "models": tuple(arguments.model),
        "refit": not arguments.no_refit,
        "transfer": not arguments.no_transfer,
        "time_budget_s": arguments.time_budget,
        "cpus": arguments.cpus_per_trial,
        "gpus": arguments.gpus_per_trial,
        "workers": arguments.workers_per_trial,
    }
    values, fields = same | paths | told, StudySettings.model_fields
    usual = {key: fields[key].get_default(call_default_factory=True) for key in values}
    said = {key: value for key, value in values.items() if key in given or value != usual[key]}
    with config_error("the command line", lambda key: OPTIONS.get(key, f"--{key.replace('_', '-')}")):
        return StudySettings(**said)


def _name_of(arguments: argparse.Namespace) -> str:
    if arguments.name:
        return str(arguments.name) if arguments.resume else study_name(arguments.name)
    return name_after(str(arguments.data)) if arguments.data else "demo"


def _how_to_go_on(settings: StudySettings) -> str:
    from search.storage.files import STUDY_FILE

    if (settings.local_folder / STUDY_FILE).exists():
        return f"go on with: {settings.resume_command}"
    return "no trial has begun: the same command begins again"


def main(arguments: Sequence[str]) -> int:
    """Run the search that the command line describes; return the exit status."""
    command = parser()
    chosen = command.parse_args(arguments)
    settings = settings_of(chosen, command.given)
    if settings.task == PHOTOS or (chosen.resume and (settings.local_folder / ASKED).exists()):
        from search.photos import search_photos

        return search_photos(settings, chosen.resume)
    from search.records.result import require_winner
    from search.report.follow_up import curves_command
    from search.report.terminal import terminal_table
    from search.study import run_study

    try:
        result = run_study(settings, chosen.resume)
    except KeyboardInterrupt:
        print(f"interrupted; {_how_to_go_on(settings)}", file=sys.stderr)
        return INTERRUPTED
    except StorageError:
        print(f"interrupted; with room again, {_how_to_go_on(settings)}", file=sys.stderr)
        raise
    print(terminal_table(result))
    print(f"report: {settings.local_folder / 'report.html'}")
    print(f"curves: {curves_command(settings.local_folder)}")
    require_winner(result)
    return 0
