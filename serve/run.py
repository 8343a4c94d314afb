"""Put bundles behind HTTP on Ray Serve, or replace those that are served."""

import argparse
import logging
import math
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others
    from train.system.cli import main_guard

    main_guard("serve.run")

from pydantic import ValidationError

from serve.arguments import parser
from serve.claims import Claims, claim, format_host, refuse_storage
from serve.environment import count_gpus, prefer_one_process, prepare, remove_haproxy_folder
from serve.loop.general import read_general
from serve.loop.versions import find_serving
from serve.runtime.gpus import require_runtime
from serve.settings import Limits, Settings, allowed_hosts, normal_host, require_resources
from serve.topology import Layout, choose_layout
from train.errors import UsageError
from train.system.cluster import find_room_for_token, require_cluster, require_ray_folder
from train.system.machine.processor import count_cores
from train.system.paths import require_folder

log = logging.getLogger("ocrtune")
KEYS = "OCRTUNE_API_KEYS"
OPTIONS = {
    "pages": "--max-pages",
    "seconds": "--max-seconds",
    "threads_per_replica": "--threads",
    "gpus_per_replica": "--gpus",
    "url_hosts": "--url-host",
    "hosts": "--allow-host",
}
"""The option of each setting that has another name; the others are `--NAME`."""
FORMS = {"url_hosts": "HOST or HOST:PORT", "hosts": "a name or an address, without scheme, port and path"}


def main(arguments: Sequence[str]) -> None:
    """Start the endpoint and wait."""
    chosen = parser().parse_args(arguments)
    settings = settings_of(chosen)
    if chosen.detach and not chosen.address:
        raise UsageError(
            "--detach must name a cluster that stays", "no --address", "ray start --head; --address auto"
        )
    require_folder(settings.storage, "--storage")
    if settings.general_labels:
        read_general(settings.general_labels)
    if chosen.address:
        require_cluster(chosen.address, "--address")
    else:
        require_ray_folder()
        find_room_for_token()
        if chosen.gpus:
            require_runtime()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    claims = claim(None if chosen.address else settings.storage, chosen.host, chosen.port)
    folder = prepare(chosen.host, chosen.port, settings.limits.seconds, cluster=bool(chosen.address))
    layout = lay_out(chosen)
    settings = settings.model_copy(update=layout._asdict())
    if not chosen.address:
        settings = settings.fill_gpus(count_gpus())
        require_resources(settings, [{"CPU": count_cores(), "GPU": count_gpus()}])
    sources = find_sources(settings, anew=chosen.as_named)
    started = time.monotonic()
    from serve.app import start  # imports Ray, after `prepare`

    ours = start(settings, sources, chosen.host, chosen.port, chosen.address, claims.taken)
    url = f"http://{format_host(chosen.host)}:{chosen.port}"
    log.info("ready after %.0f s: %s", time.monotonic() - started, url)
    log.info("    %s", layout)
    log.info("    curl -F files=@line.png %s/recognize", url)
    if not chosen.detach:
        _wait(ours if chosen.address else None, folder)
        _end(claims, folder)


def lay_out(chosen: argparse.Namespace) -> Layout:
    """Choose where the models run, and set what Ray Serve must know of it."""
    layout = choose_layout(
        chosen.topology,
        cluster=bool(chosen.address),
        gpus=count_gpus() if chosen.gpus else None,
        cores=count_cores(),
    )
    if layout.spares:
        prefer_one_process()
    return layout


def _end(claims: Claims, folder: Path | None) -> None:
    """End this process: all that was started has ended, and Ray's libraries would take two seconds to unload."""
    claims.give_back()
    _remove(folder)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _leave(folder: Path | None, number: int, _: object) -> None:
    """End this process by a signal that came again; of all that it does at its end only HAProxy's folder is removed."""
    _remove(folder)
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)


def _remove(folder: Path | None) -> None:
    if folder:
        remove_haproxy_folder(folder)


def find_sources(settings: Settings, anew: bool) -> dict[str, str]:
    """Return what is to serve each task, and say where that is not what the settings name.

    Raises:
        UsageError: the storage cannot be written.
        CheckpointError: a model is gone or damaged.
    """
    found = {}
    for task, named in settings.sources().items():
        try:
            version = find_serving(task, settings, anew=anew)
        except OSError as error:
            raise refuse_storage(settings.storage, error) from error
        found[task] = version.source
        if Path(version.source) != Path(named).absolute() and version.source != named:
            log.info(
                "%s: version %d, %s, was promoted and serves in place of %s (which --as-named serves)",
                task, version.version, version.source, named,
            )  # fmt: skip
    return found


def settings_of(chosen: argparse.Namespace) -> Settings:
    """Return the validated settings of a command line; raise UsageError that names the option."""
    try:
        limits = Limits(
            body_bytes=_count_bytes("--max-body-mb", chosen.max_body_mb),
            decoded_bytes=_count_bytes("--max-decoded-mb", chosen.max_decoded_mb),
            pixels=_count("--max-megapixels", chosen.max_megapixels, 1_000_000),
            pages=chosen.max_pages,
            seconds=chosen.max_seconds,
        )
        return Settings(
            recognition=chosen.recognition,
            detection=chosen.detection,
            orientation=chosen.orientation,
            storage=chosen.storage.absolute(),
            general_labels=chosen.general_labels and chosen.general_labels.absolute(),
            limits=limits,
            api_keys=_read_keys(chosen.api_key),
            url_hosts=tuple(chosen.url_host),
            hosts=allowed_hosts(chosen.host, chosen.allow_host),
            visualize=chosen.visualize,
            recognisers=chosen.recognisers,
            threads_per_replica=chosen.threads,
            gpus_per_replica=chosen.gpus,
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        of_place = name == "hosts" and first["input"] == normal_host(chosen.host)
        option = "--host" if of_place else OPTIONS.get(name, f"--{name}")
        rule = re.sub(r"^\w+ should", f"{option} should", str(first["msg"]))
        if first["type"] == "string_pattern_mismatch":
            rule = f"{option} should be {FORMS[name]}"
        raise UsageError(rule, repr(first["input"]), "see serve/run.py --help") from error


def _count_bytes(option: str, megabytes: float) -> int:
    return _count(option, megabytes, 2**20)


def _count(option: str, value: float, unit: int) -> int:
    if not 0 < value < math.inf:
        raise UsageError(f"{option} must be a positive number", value, "leave it out for the default")
    return max(1, int(value * unit))


def _read_keys(given: Sequence[str]) -> tuple[str, ...]:
    """Return the keys of the command line and the environment; raise UsageError for an empty one."""
    variable = os.environ.get(KEYS, "")
    keys = (*given, *variable.split(",")) if variable else tuple(given)
    stripped = tuple(key.strip() for key in keys)
    if not all(stripped):
        raise UsageError(f"a key of --api-key or {KEYS} must not be empty", "an empty one", "leave it out")
    return stripped


def _wait(ours: set[str] | None, folder: Path | None) -> None:
    """Wait for Ctrl-C or SIGTERM, then let what is under way finish; a second one ends the process at once.

    Args:
        ours: as `stop` takes it.
        folder: of HAProxy's files.
    """
    ended = threading.Event()

    def end(*_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, partial(_leave, folder))
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    ended.wait()
    log.info("stopping: what is under way may finish")
    from serve.app import stop

    stop(ours)
