"""Metrics for Prometheus: requests, lines, batches, queues, latencies and misuse.

Where SHARED_FOLDER stands in the environment, the processes of a server count together, in files there: each of them
answers for all, and what a process counted stays when it is gone.
"""

import os
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
LINES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The counters of a process that speaks HTTP."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "ocrtune_requests", "Requests answered", ["path", "status"], registry=registry
        )
        self._latency = Histogram(
            "ocrtune_request_seconds",
            "From a request to its answer",
            ["path"],
            buckets=SECONDS,
            registry=registry,
        )
        self._misuse = Counter("ocrtune_misuse", "Requests refused", ["status"], registry=registry)
        self._lines = Counter("ocrtune_lines", "Lines read", registry=registry)
        self._batch = Histogram(
            "ocrtune_batch_lines", "Lines that a recogniser read together", buckets=LINES, registry=registry
        )
        self._queued = Histogram(
            "ocrtune_queue_seconds", "Wait before a recogniser began", buckets=SECONDS, registry=registry
        )
        self.in_work = Gauge(
            "ocrtune_requests_in_work",
            "Requests not answered yet",
            registry=registry,
            multiprocess_mode="livesum",
        )

    def count_request(self, path: str, status: int, seconds: float) -> None:
        """Count a request that was answered; one that was refused is misuse too."""
        self._requests.labels(path, str(status)).inc()
        self._latency.labels(path).observe(seconds)
        if 400 <= status < 500:
            self._misuse.labels(str(status)).inc()

    def count_lines(self, lines: int, batch: int, queued_s: float) -> None:
        """Count the lines of one call to a recogniser, those that were read with them, and the wait before."""
        self._lines.inc(lines)
        self._batch.observe(batch)
        self._queued.observe(queued_s)

    def render(self) -> bytes:
        """Return Prometheus' text format, of all processes."""
        folder = os.environ.get(SHARED_FOLDER)
        return generate_latest(_collect(Path(folder)) if folder else self._registry)


def _collect(folder: Path) -> CollectorRegistry:
    """Return what all processes counted; those that are gone have nothing in work."""
    for path in folder.glob("gauge_live*_*.db"):
        process = int(path.stem.rpartition("_")[2])
        if not Path(f"/proc/{process}").exists():
            with suppress(FileNotFoundError):  # another process was asked at the same moment
                mark_process_dead(process, str(folder))  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
    return registry
