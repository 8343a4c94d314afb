"""The readers on Ray Data: an actor for each group of cores or share of a GPU, which takes one part after another.

Files are fetched by path where they are read; only paths, texts and boxes cross between processes.
"""

import json
import logging
import os
import signal
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pyarrow as pa
import ray
import ray.data
from ray.data import ActorPoolStrategy, DataContext
from ray.exceptions import RayError
from ray.util.annotations import RayDeprecationWarning

from serve.cluster.own import list_machines, spare_processes
from serve.folder.places import unpack
from serve.folder.readers import make_reader
from serve.folder.rows import Record
from serve.folder.settings import FolderSettings
from serve.runtime.gpus import keep_to_given
from serve.settings import count_on_gpus
from train.errors import ModelError, UsageError
from train.system.machine.processor import count_cores

WAITING = 2
"""Parts that a reader is given at a time: it never waits for the next one, and few wait behind a slow one."""


class ReadPart(NamedTuple):
    """What was read of a part.

    Attributes:
        number: of the part.
        records: of its files, a line of JSON each.
        began: seconds since the epoch.
    """

    number: int
    records: bytes
    began: float


class PartReader:
    """What an actor runs."""

    def __init__(self, settings: dict[str, Any]) -> None:
        """Open the models."""
        keep_to_given()
        self._reader = make_reader(FolderSettings.model_validate(settings))

    def __call__(self, batch: pa.Table) -> dict[str, list[Any]]:
        """Return the records of a part, a line of JSON each, and when reading it began."""
        (part,), (files,), began = batch["part"].to_pylist(), batch["files"].to_pylist(), time.time()
        return {
            "part": [part],
            "records": [dump_records(self._reader.read(unpack(files)))],
            "began": [began],
        }


def dump_records(records: list[Record]) -> bytes:
    """Return records as lines of JSON, in ASCII: a file name may be no Unicode."""
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def join_cluster(address: str | None) -> None:
    """Join a Ray cluster, or start one that ends with this process; SIGTERM is as Ctrl-C from then on."""
    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_worker_niceness", "0")  # that of the command
    os.environ.setdefault(
        "RAY_BACKEND_LOG_LEVEL", "fatal"
    )  # its C++ tells of each reader that it may be started again
    local: dict[str, Any] = {} if address else {"num_cpus": count_cores(), "include_dashboard": False}
    if not address:
        spare_processes()
    try:
        ray.init(address or "local", log_to_driver=False, logging_level="ERROR", **local)
    except (ConnectionError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(
            "--address must be that of a Ray cluster that runs", f"{address}: {reason}", "ray start --head"
        ) from error
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Ray has its own


def count_readers(settings: FolderSettings, readers: int | None) -> int:
    """Return how many readers the cluster's machines hold; raise UsageError where they hold none, or not so many."""
    machines = list_machines()
    room = sum(count_places(settings, there) for there in machines)
    if (readers or 1) > room:
        kinds = ("GPU", "CPU") if settings.gpus else ("CPU", "GPU")
        largest = max(machines, key=lambda there: [there.get(kind, 0.0) for kind in kinds])
        raise UsageError(
            "the cores and GPUs of a reader must be on one machine, and all readers must fit",
            f"{readers or 1} with {settings.threads} cores and {settings.gpus:g} GPUs each, where {room} fit "
            f"(the largest machine has {largest.get('CPU', 0.0):g} cores and {largest.get('GPU', 0.0):g} GPUs)",
            "lower --readers, --threads or --gpus",
        )
    return readers or room


def count_places(settings: FolderSettings, there: Mapping[str, float]) -> int:
    """Return how many readers a machine holds, by its `CPU` and `GPU`: what two of them have left holds none."""
    on_cores = int(there.get("CPU", 0.0) // settings.threads)
    return min(on_cores, count_on_gpus(settings.gpus, there.get("GPU", 0.0))) if settings.gpus else on_cores


def read_parts(
    settings: FolderSettings,
    parts: Mapping[int, bytes],
    readers: int,
    waiting: int = WAITING,
    kind: type[PartReader] = PartReader,
) -> Iterator[ReadPart]:
    """Yield every part as it is read, in any order, without one that ends its reader and what waits for that reader."""
    if not parts:
        return
    _be_quiet()
    rows = [{"part": number, "files": files} for number, files in parts.items()]
    with warnings.catch_warnings(action="ignore", category=RayDeprecationWarning):
        read = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            kind,
            fn_constructor_args=(settings.model_dump(mode="json"),),
            batch_size=1,
            batch_format="pyarrow",
            compute=ActorPoolStrategy(size=min(readers, len(rows)), max_tasks_in_flight_per_actor=waiting),
            num_cpus=settings.threads,
            num_gpus=settings.gpus,
            max_task_retries=0,  # a reader is started again; what ended it is left out
        )
    try:
        for batch in read.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
            for row in batch.to_pylist():
                yield ReadPart(row["part"], row["records"], row["began"])
    except RayError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ModelError("every reader must start", reason, "see the logs of Ray") from error


def _be_quiet() -> None:
    context = DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.max_errored_blocks = -1
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
