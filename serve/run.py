"""Put bundles behind HTTP on Ray Serve, or replace those that are served."""

import argparse
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others
    from train.cli import main_guard

    main_guard("serve.run")

from serve.environment import prepare
from serve.inference.model import load_model
from serve.settings import Limits, Settings
from train.cli import Parser
from train.cluster import require_cluster, require_ray_folder
from train.errors import UsageError
from train.paths import given_path, given_place, require_folder

log = logging.getLogger("ocrtune")


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = Parser(
        prog="python serve/run.py",
        description=__doc__,
        epilog="Without bundles, the pretrained PP-OCRv6 small detection and recognition pair is served.",
    )
    add = parse.add_argument
    add(
        "--recognition",
        metavar="BUNDLE",
        type=given_place,
        default="pp-ocrv6-small",
        help="folder, e.g. runs/vin/best",
    )
    add(
        "--detection",
        metavar="BUNDLE",
        type=given_place,
        default="pp-ocrv6-small",
        help="folder of a detection bundle",
    )
    add(
        "--orientation",
        metavar="BUNDLE",
        type=given_place,
        help="folder, or ch-ppocr-mobile-v2: turns lines that stand on their heads",
    )
    add("--host", default="127.0.0.1", help="address to listen on (127.0.0.1: this machine only)")
    add("--port", type=int, default=8000)
    add(
        "--storage", type=given_path, default=Path("runs/serve"), help="folder of corrections and retrainings"
    )
    add("--visualize", action=argparse.BooleanOptionalAction, default=True, help="pictures in /ocr's answers")
    add("--api-key", action="append", default=[], metavar="KEY", help="repeatable; also OCRTUNE_API_KEYS=a,b")
    add("--url-host", action="append", default=[], metavar="HOST", help="may be fetched from; repeatable")
    add(
        "--recognisers", type=int, metavar="N", help="replicas of the recogniser (default: one a core or GPU)"
    )
    add("--threads", type=int, default=1, metavar="N", help="cores that a replica may use (1)")
    add("--gpus", type=float, default=0, metavar="SHARE", help="of a GPU for each model replica (0)")
    add("--max-body-mb", type=float, default=32, metavar="MB")
    add("--max-pages", type=int, default=10, metavar="N", help="of a PDF or TIFF")
    add("--address", help="Ray cluster to serve on (default: a new one on this machine)")
    add("--detach", action="store_true", help="return when it serves, on a cluster that stays")
    return parse


def main(arguments: Sequence[str]) -> None:
    """Start the endpoint and wait."""
    chosen = parser().parse_args(arguments)
    settings = settings_from(chosen)
    if chosen.detach and not chosen.address:
        raise UsageError(
            "--detach must name a cluster that stays", "no --address", "ray start --head; --address auto"
        )
    require_folder(settings.storage, "--storage")
    if chosen.address:
        require_cluster(chosen.address, "--address")
    else:
        require_ray_folder()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for task, source in settings.sources().items():
        load_model(task, source)  # refused here, before anything is started
    prepare(chosen.host, chosen.port)
    started = time.monotonic()
    from serve.app import start  # imports Ray, after `prepare`

    start(settings, chosen.host, chosen.port, chosen.address)
    url = f"http://{chosen.host}:{chosen.port}"
    log.info("ready after %.0f s: %s", time.monotonic() - started, url)
    log.info("    curl -F files=@line.png %s/recognize", url)
    if not chosen.detach:
        _wait()


def settings_from(chosen: argparse.Namespace) -> Settings:
    """Return the validated settings of a command line."""
    environment = [key for key in os.environ.get("OCRTUNE_API_KEYS", "").split(",") if key]
    return Settings(
        recognition=chosen.recognition,
        detection=chosen.detection,
        orientation=chosen.orientation,
        storage=chosen.storage.absolute(),
        limits=Limits(body_bytes=int(chosen.max_body_mb * 2**20), pages=chosen.max_pages),
        api_keys=(*chosen.api_key, *environment),
        url_hosts=tuple(chosen.url_host),
        visualize=chosen.visualize,
        recognisers=chosen.recognisers,
        threads_per_replica=chosen.threads,
        gpus_per_replica=chosen.gpus,
    )


def _wait() -> None:
    """Wait for Ctrl-C or SIGTERM, then let what is under way finish."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
    log.info("stopping")
    from serve.app import stop

    stop()
