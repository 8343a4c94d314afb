"""The options of `search/run.py`."""

import argparse
from typing import get_args

from search.settings import PHOTOS, Objectives, Sampler, Scheduler, parse_duration
from spaces.space import shipped_spaces
from train.config import TrialConfig, Upright
from train.sets.arguments import add_recognition_argument, add_source_arguments, add_task_argument
from train.system.cli import Parser
from train.system.paths import folder_name, given_path, given_place

EPILOG = """examples:
  python search/run.py                                          drawn VIN lines, to try it
  python search/run.py --data DIR --name vin --time-budget 30m  your own images
  python search/run.py --task detection --data DIR              to find text in photos
  python search/run.py --task photos --data DIR                 to find and to read it: a detector and its reader
  python search/run.py --name vin --resume                      go on after an interruption
  python search/run.py --data NEW --name vin2 --fork vin        other data or another space, from vin's best

exit status: 0 done; 1 bad data, a failed gate, or every trial failed or forgot too much; 2 bad usage;
             3 interrupted, can be resumed"""


def parser() -> Parser:
    """Return the command line's definition."""
    parse = Parser(
        prog="python search/run.py",
        description="Search models, techniques, learning rates, schedules and augmentation; export the winner.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    data = parse.add_argument_group("data")
    what = parse.add_argument_group("what to search")
    _add_space(what)
    _add_limits(what)
    where = parse.add_argument_group("where to run")
    _add_study(where)
    _add_machine(where)
    _add_trackers(where)
    how = parse.add_argument_group("how to search (docs/search.md)")
    _add_method(how)
    _add_scoring(how)
    _add_data(parse, data)
    return parse


def _add_data(parse: Parser, data: argparse._ArgumentGroup) -> None:
    add_task_argument(data, None, "the space's", more=[PHOTOS])
    data.add_argument(
        "--data",
        metavar="DIR",
        type=given_path,
        help="folder with labelled images (default: drawn VIN lines)",
    )
    known = add_source_arguments(parse, data)
    add_recognition_argument(known)
    known.add_argument(
        "--upright",
        choices=get_args(Upright),
        default=TrialConfig().upright,
        help="turn lines that are 1.5 times as high as wide, here and in serving, or read them as_is (the default)",
    )


def _add_space(what: argparse._ArgumentGroup) -> None:
    what.add_argument(
        "--space",
        type=given_place,
        metavar="NAME|FILE",
        help=f"{', '.join(shipped_spaces())}, or a YAML file of your own (docs/spaces.md; default: the task's, else "
        "recognition)",
    )
    what.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="NAME",
        help="only this model, e.g. pp-ocrv6-tiny; repeatable (docs/models.md; default: those of the space)",
    )
    what.add_argument(
        "--weights",
        metavar="PATH",
        help="with one --model: what it starts from, e.g. a .pdparams (docs/models.md; default: what is published)",
    )
    what.add_argument(
        "--engine",
        metavar="NAME",
        help="paddle, torch, auto for the one whose step is the fastest here, or any to draw one for each trial "
        "(default: the one that the space fixes, else auto, which takes some seconds to measure)",
    )


def _add_limits(what: argparse._ArgumentGroup) -> None:
    what.add_argument(
        "--trials",
        type=int,
        metavar="N",
        help="at most so many trials (default: as the time budget allows, else 32)",
    )
    what.add_argument(
        "--max-epochs",
        type=int,
        metavar="N",
        help="epochs of the longest trial (default: what the space says)",
    )
    what.add_argument(
        "--time-budget",
        type=parse_duration,
        metavar="TIME",
        help="for everything from start to result, e.g. 30m (default: no limit)",
    )
    what.add_argument(
        "--max-forgetting",
        type=float,
        metavar="SHARE",
        help="a trial wins only if its exact match on the general lines falls by no more, e.g. 0.02 (default: no "
        "limit)",
    )
    what.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of splits, suggestions and training (default 0)"
    )


def _add_method(what: argparse._ArgumentGroup) -> None:
    what.add_argument(
        "--scheduler",
        choices=get_args(Scheduler),
        default="asha",
        help="what stops trials that lag behind: asha; hyperband: asha that first judges after a ninth, a third or all "
        "of their epochs; median; pbt: they go on from a better trial's weights with other rates; none: all run to "
        "their end (default: asha)",
    )
    what.add_argument(
        "--sampler",
        choices=get_args(Sampler),
        help="what suggests configurations: tpe, for every space; cma-es for numbers alone and gp for parameters that "
        "every trial has, tpe suggesting the rest; random (default: tpe, with pbt random)",
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
        "--int8",
        action="store_true",
        help="add an 8-bit graph to the bundle, if it is faster and as good (as train.quantise does, in minutes "
        "after all else, which no budget counts); with --objectives accuracy,latency networks are timed in 8 bits, too",
    )
    what.add_argument(
        "--no-transfer",
        action="store_true",
        help="do not start from the winners of earlier studies in STORAGE",
    )


def _add_scoring(what: argparse._ArgumentGroup) -> None:
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
        help="score trials over K folds of training and validation samples, no document, else no text, in two; 1 for "
        "the validation split alone (default: 5 under 200 training samples, else 1)",
    )
    what.add_argument(
        "--no-refit",
        action="store_true",
        help="train nothing on the validation samples: no network of all samples, with folds or beside the trials",
    )


def _add_study(where: argparse._ArgumentGroup) -> None:
    where.add_argument(
        "--name",
        type=folder_name,
        help="name of the study; its files go to STORAGE/NAME (default: after the data)",
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
        "--fork",
        metavar="OLD",
        type=folder_name,
        help="a new study, whose first trials are the best configurations of study OLD",
    )
    where.add_argument(
        "--resume",
        action="store_true",
        help="go on with study NAME and its settings; only --time-budget may be another",
    )


def _add_machine(where: argparse._ArgumentGroup) -> None:
    where.add_argument(
        "--cpus-per-trial",
        type=float,
        metavar="N",
        help="cores of a trial (default: 1, or an equal part of a node's where it has GPUs or trials are few)",
    )
    where.add_argument(
        "--gpus-per-trial",
        type=float,
        metavar="N",
        help="GPUs of a trial; 0.25: four share one (default: 1 where there is one)",
    )
    where.add_argument(
        "--workers-per-trial",
        type=int,
        default=0,
        metavar="N",
        help="Ray Train workers that train one network together; 0: the trial's own process (default)",
    )
    where.add_argument(
        "--concurrent",
        type=int,
        metavar="N",
        help="trials at a time (default: as many as cores, GPUs and memory hold)",
    )
    where.add_argument(
        "--autoscaling",
        action="store_true",
        help="the cluster starts nodes when they are asked for; needs --concurrent and --gpus-per-trial",
    )


def _add_trackers(where: argparse._ArgumentGroup) -> None:
    where.add_argument(
        "--mlflow",
        metavar="URI",
        type=given_place,
        help="send the trials to this MLflow store or server, too",
    )
    where.add_argument(
        "--wandb", metavar="PROJECT", help="send them to this project of Weights & Biases, too"
    )
