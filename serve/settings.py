"""Settings of the server: bundles, limits, keys and folders; validated once, then frozen."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


def _count_cores() -> int:
    return len(os.sched_getaffinity(0))


class Limits(BaseModel):
    """How much a request may ask for; more is refused before any work.

    Attributes:
        body_bytes: of a request, as received.
        pixels: of one image or rendered page.
        pages: of a PDF or TIFF.
        decoded_bytes: of all pages of a request together, 3 bytes a pixel.
        lines: of one `/recognize` request.
        queued: requests that one ingress replica holds, waiting or in work; the next one is answered 503.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    body_bytes: int = Field(default=32 * 2**20, ge=1)
    pixels: int = Field(default=50_000_000, ge=1)
    pages: int = Field(default=10, ge=1)
    decoded_bytes: int = Field(default=512 * 2**20, ge=1)
    lines: int = Field(default=256, ge=1)
    queued: int = Field(default=256, ge=1)


class Settings(BaseModel):
    """The whole server.

    Attributes:
        recognition: bundle folder, or the name of a pretrained model (`serve.inference.model`).
        detection: the same.
        orientation: the same; without one, no line is turned.
        storage: folder of corrections, retrainings and versions.
        limits: of a request.
        api_keys: any of them opens the server; empty: it is open.
        url_hosts: hosts from which `file` URLs are fetched; empty: none are.
        visualize: `/ocr` answers with pictures unless told otherwise, as PaddleX does.
        recognisers: replicas of the recogniser; None: as many as the GPUs' shares or the cores allow.
        threads_per_replica: cores that a model replica may use. 1: two replicas read more lines than two threads.
        cpus_per_replica: what Ray reserves for a model replica. Less than its threads: a replacement starts beside
            it, and a retraining needs a core too.
        gpus_per_replica: share of a GPU.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    recognition: str = "pp-ocrv6-small"
    detection: str = "pp-ocrv6-small"
    orientation: str | None = None
    storage: Path = Path("runs/serve")
    limits: Limits = Limits()
    api_keys: tuple[str, ...] = ()
    url_hosts: tuple[str, ...] = ()
    visualize: bool = True
    recognisers: int | None = Field(default=None, ge=1)
    threads_per_replica: int = Field(default=1, ge=1)
    cpus_per_replica: float = Field(default=0.1, ge=0)
    gpus_per_replica: float = Field(default=0, ge=0)

    def sources(self) -> dict[str, str]:
        """Return the bundle folder, or the pretrained model's name, of every task that is served."""
        named = {
            "recognition": self.recognition,
            "detection": self.detection,
            "orientation": self.orientation,
        }
        return {task: source for task, source in named.items() if source}

    def source(self, task: str, directory: Path | None) -> str:
        """Return what serves a task whose current version lies in `directory`; None: the pretrained model."""
        named = self.sources()[task]
        default = named if not Path(named).is_dir() else str(type(self).model_fields[task].default)
        return str(directory or default)

    @property
    def recogniser_replicas(self) -> int:
        """How many replicas of the recogniser run."""
        if self.recognisers:
            return self.recognisers
        share = self.gpus_per_replica
        return max(1, int(1 / share) if share else _count_cores() // self.threads_per_replica)

    @property
    def calls_per_replica(self) -> int:
        """How many calls a model replica has at a time: 8 on a GPU, 1 on a CPU.

        On a CPU a second call gains nothing: the lines that wait in the ingress meanwhile go together in the next.
        """
        return 8 if self.gpus_per_replica else 1
