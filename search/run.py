"""Search for the configuration that reads your images best: the main command."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others
    from train.system.cli import main_guard

    main_guard("search.run")

from search.settings import ASKED, PHOTOS, Objectives, Sampler, Scheduler, StudySettings, parse_duration
from train.config import TrialConfig, Upright, config_error
from train.data.arguments import (
    add_allow_bad_argument,
    add_decoding_arguments,
    add_dictionary_argument,
    add_format_arguments,
    add_general_arguments,
    add_group_argument,
    add_list_arguments,
    add_samples_argument,
    add_test_fraction_argument,
    lists_of,
    named_data,
    options_of,
)
from train.errors import StorageError, UsageError
from train.sets.arguments import add_detection_argument, add_recognition_argument, add_task_argument
from train.sets.texts import add_reading_arguments
from train.system.cli import INTERRUPTED, Parser
from train.system.paths import folder_name, given_path, given_place, name_after, study_name

EPILOG = """examples:
  python search/run.py                                          the embedded default data
  python search/run.py --data DIR --name vin --time-budget 30m  your own images
  python search/run.py --task detection --data DIR              to find text in photos
  python search/run.py --task photos --data DIR                 to find and to read it: a detector and its reader
  python search/run.py --name vin --resume                      go on after an interruption
  python search/run.py --data NEW --name vin2 --fork vin        other data or another space, from vin's best

exit status: 0 done; 1 bad data, a failed gate, or every trial forgot too much; 2 bad usage;
             3 interrupted, can be resumed"""


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = Parser(
        prog="python search/run.py",
        description="Search models, techniques, learning rates, schedules and augmentation; export the winner.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_data(parse.add_argument_group("data"))
    _add_search(parse.add_argument_group("what to search"))
    _add_method(parse.add_argument_group("how to search (docs/search.md)"))
    where = parse.add_argument_group("where to run")
    _add_machine(where)
    _add_trackers(where)
    return parse


def _add_data(data: argparse._ArgumentGroup) -> None:
    add_task_argument(data, None, "the space's", more=[PHOTOS])
    data.add_argument(
        "--data",
        metavar="DIR",
        type=given_path,
        help="folder with labelled images (default: drawn VIN lines)",
    )
    add_list_arguments(data)
    add_format_arguments(data)
    data.add_argument(
        "--synthetic-labels",
        metavar="FILE",
        type=given_path,
        help="label file of drawn lines (train.data.synthetic) to mix into the training batches",
    )
    add_detection_argument(data)
    add_recognition_argument(data)
    data.add_argument(
        "--upright",
        choices=get_args(Upright),
        default=TrialConfig().upright,
        help="turn lines that are 1.5 times as high as wide, here and in serving, or read them as_is (the default)",
    )
    add_dictionary_argument(data)
    add_reading_arguments(data)
    add_general_arguments(data)
    add_decoding_arguments(data)
    add_test_fraction_argument(data)
    add_group_argument(data)
    add_samples_argument(data)
    add_allow_bad_argument(data)


def _add_search(what: argparse._ArgumentGroup) -> None:
    what.add_argument(
        "--space",
        type=given_place,
        help="a shipped space or a YAML file (default: the task's own, else recognition)",
    )
    what.add_argument("--model", action="append", default=[], help="only this model; repeatable")
    what.add_argument(
        "--weights", metavar="PATH", help="what the only model starts from, e.g. a .pdparams (docs/models.md)"
    )
    what.add_argument(
        "--engine",
        help="paddle, torch, auto for the one whose step is the fastest here, or any to draw one for each trial "
        "(default: the one that the space fixes, else auto, which takes some seconds to measure)",
    )
    what.add_argument(
        "--trials", type=int, help="at most so many trials (default: as the time budget allows, else 32)"
    )
    what.add_argument("--max-epochs", type=int, help="longest trial (default: what the space says)")
    what.add_argument(
        "--time-budget", type=parse_duration, metavar="TIME", help="from start to result, e.g. 30m"
    )
    what.add_argument(
        "--max-forgetting",
        type=float,
        metavar="SHARE",
        help="what may win: exact match on the general lines may fall by so much, e.g. 0.02 (default: any fall)",
    )
    what.add_argument("--seed", type=int, default=0)


def _add_method(what: argparse._ArgumentGroup) -> None:
    what.add_argument(
        "--scheduler",
        choices=get_args(Scheduler),
        default="asha",
        help="what stops trials that lag behind: asha, hyperband (asha from three starts on), median, pbt (they go on "
        "from a better trial's weights with other rates), none: all run to their end (default: asha)",
    )
    what.add_argument(
        "--sampler",
        choices=get_args(Sampler),
        help="who suggests: tpe takes every space; cma-es moves numbers, gp what every trial has, and tpe the rest; "
        "random (default: tpe, with pbt random)",
    )
    what.add_argument(
        "--objectives",
        choices=get_args(Objectives),
        metavar="NAMES",
        default="accuracy",
        help="accuracy (default), or accuracy,latency: with latency (of the exported network in onnxruntime, one "
        "thread), the fastest trial wins whose score is not significantly worse than the best: the 95 %% interval of "
        "the difference reaches 0",
    )
    what.add_argument(
        "--confirm",
        type=int,
        metavar="K",
        help="train the best K trials again with two other seeds; the best mean wins (default: 3 where the budget "
        "allows; 0 for none)",
    )
    what.add_argument(
        "--folds",
        type=int,
        metavar="K",
        help="score trials over K folds of training and validation samples, no text in two; 1 for the validation split "
        "alone (default: 5 under 200 training samples, else 1)",
    )
    what.add_argument("--no-refit", action="store_true", help="with folds, export the first one's network")
    what.add_argument(
        "--no-transfer",
        action="store_true",
        help="do not start from the winners of earlier studies in STORAGE",
    )


def _add_machine(where: argparse._ArgumentGroup) -> None:
    where.add_argument(
        "--name",
        type=folder_name,
        help="of the study; its files go to STORAGE/NAME (default: after the data)",
    )
    where.add_argument(
        "--storage",
        type=given_place,
        default="runs",
        metavar="PLACE",
        help="a folder, on a cluster one that all nodes share, or a URI: s3://bucket/prefix"
        "?endpoint_override=http://host:9000 (default: runs)",
    )
    where.add_argument(
        "--cpus-per-trial",
        type=float,
        help="default: 1; the node's shared out among its GPUs, or among few trials",
    )
    where.add_argument(
        "--gpus-per-trial", type=float, help="0.25: four trials share one (default: 1 where there is one)"
    )
    where.add_argument(
        "--workers-per-trial", type=int, default=0, help="Ray Train workers; 0: the trial's own process"
    )
    where.add_argument(
        "--concurrent", type=int, help="trials at a time (default: as many as cores, GPUs and memory hold)"
    )
    where.add_argument(
        "--autoscaling",
        action="store_true",
        help="the cluster starts nodes when they are asked for; needs --concurrent and --gpus-per-trial",
    )
    where.add_argument(
        "--fork",
        metavar="OLD",
        type=folder_name,
        help="a new study, whose first trials are the best configurations of study OLD",
    )
    where.add_argument(
        "--resume", action="store_true", help="go on with NAME as it was, but for --time-budget"
    )


def _add_trackers(where: argparse._ArgumentGroup) -> None:
    where.add_argument("--mlflow", metavar="URI", help="send the trials to this MLflow store or server, too")
    where.add_argument(
        "--wandb", metavar="PROJECT", help="send them to this project of Weights & Biases, too"
    )


def settings_of(arguments: argparse.Namespace) -> StudySettings:
    """Return the validated settings; raise UsageError for what cannot work."""
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
    with config_error("the command line"):
        return StudySettings(**same | paths | told)


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
    chosen = parser().parse_args(arguments)
    settings = settings_of(chosen)
    if settings.task == PHOTOS or (chosen.resume and (settings.local_folder / ASKED).exists()):
        from search.photos import search_photos

        return search_photos(settings, chosen.resume)
    from search.records.result import require_winner
    from search.report.terminal import terminal_table
    from search.selection.follow_up import curves_command
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
