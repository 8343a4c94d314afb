"""The options of `serve/run.py`."""

import argparse
from collections.abc import Callable
from pathlib import Path

from train.system.cli import Parser
from train.system.paths import given_path, given_place


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = Parser(
        prog="python serve/run.py",
        description="Put bundles behind HTTP on Ray Serve, or replace those that are served.",
        epilog="Without bundles, the pretrained PP-OCRv6 small detection and recognition pair is served.",
    )
    _add_models(parse.add_argument_group("models").add_argument)
    clients = parse.add_argument_group("clients").add_argument
    _add_clients(clients)
    _add_limits(clients)
    where = parse.add_argument_group("where to run").add_argument
    _add_folders(where)
    _add_machine(where)
    return parse


def _add_models(add: Callable[..., object]) -> None:
    add(
        "--recognition",
        metavar="BUNDLE",
        type=given_place,
        default="pp-ocrv6-small",
        help="folder of a bundle, e.g. runs/vin/best, or a pretrained model (default pp-ocrv6-small)",
    )
    add(
        "--detection",
        metavar="BUNDLE",
        type=given_place,
        default="pp-ocrv6-small",
        help="bundle of a detector, or a pretrained one (default pp-ocrv6-small)",
    )
    add(
        "--orientation",
        metavar="BUNDLE",
        type=given_place,
        help="the same, e.g. ch-ppocr-mobile-v2: lines that stand on their heads are turned (default: none)",
    )
    add(
        "--as-named",
        action="store_true",
        help="serve the models of this command line, even where retrained ones have been promoted since",
    )


def _add_clients(add: Callable[..., object]) -> None:
    add("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1: this machine only)")
    add("--port", type=int, default=8000, help="port to listen on (default 8000)")
    add(
        "--api-key",
        action="append",
        default=[],
        metavar="KEY",
        help="key that clients must send; repeatable, or OCRTUNE_API_KEYS=a,b (default: none)",
    )
    add(
        "--allow-host",
        action="append",
        default=[],
        metavar="HOST",
        help="name under which clients reach it, e.g. of a proxy before it; repeatable; *: any",
    )
    add(
        "--url-host",
        action="append",
        default=[],
        metavar="HOST",
        help="host whose URLs clients may name; repeatable (default: none)",
    )
    add(
        "--visualize",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="/ocr answers with pictures of what was found, too (default)",
    )


def _add_folders(add: Callable[..., object]) -> None:
    add(
        "--storage",
        type=given_path,
        default=Path("runs/serve"),
        help="folder of corrections and retrainings (default runs/serve)",
    )
    add(
        "--general-labels",
        metavar="FILE",
        type=given_path,
        help="lines that a retraining must go on to read, in any label format (default: drawn ones)",
    )


def _add_machine(add: Callable[..., object]) -> None:
    add(
        "--recognisers",
        type=int,
        metavar="N",
        help="replicas of the recogniser (default: as many as fit the cores or GPUs)",
    )
    add("--threads", type=int, default=1, metavar="N", help="cores that a replica may use (default 1)")
    add(
        "--gpus",
        type=float,
        default=0,
        metavar="SHARE",
        help="part of a GPU for each model replica (default 0)",
    )
    add(
        "--topology",
        choices=("auto", "fused", "graph"),
        default="auto",
        help="fused: all models in each process that speaks HTTP, one for every four cores; on fewer than 8 cores one "
        "works and another one stands by; graph: a deployment for each model, which scale apart; auto: fused on one "
        "machine's cores, else graph (default auto)",
    )
    add("--address", help="Ray cluster to serve on (default: a new one on this machine)")
    add("--detach", action="store_true", help="return when it serves, on a cluster that stays")


def add_picture_limits(add: Callable[..., object], pages: int) -> None:
    """Add `--max-pages`, with its default, and `--max-megapixels`."""
    add(
        "--max-pages",
        type=int,
        default=pages,
        metavar="N",
        help=f"most pages of a PDF or TIFF (default {pages})",
    )
    add(
        "--max-megapixels",
        type=float,
        default=50,
        metavar="MP",
        help="largest picture or page (default 50)",
    )


def _add_limits(add: Callable[..., object]) -> None:
    add("--max-body-mb", type=float, default=32, metavar="MB", help="largest request (default 32)")
    add_picture_limits(add, pages=10)
    add(
        "--max-decoded-mb",
        type=float,
        default=512,
        metavar="MB",
        help="memory of all decoded pictures together; later ones wait (default 512)",
    )
    add(
        "--max-seconds",
        type=float,
        default=600,
        metavar="S",
        help="longest time from a request to its answer (default 600)",
    )
