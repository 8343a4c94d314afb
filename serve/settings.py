"""Settings of the server: bundles, limits, keys and folders; validated once, then frozen."""

import ipaddress
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from serve.topology import Topology
from train.errors import UsageError
from train.system.machine.processor import count_cores

SERVED = ("recognition", "detection", "orientation")
"""Tasks with a model of their own."""
LARGE_PX = 4_000_000
"""A picture of more pixels is large: it is decoded, searched and drawn apart from the others."""
HOST_OR_PORT = r"^[^/\s@]+$"
NAME_OR_ADDRESS = r"^([^/\s@:*]+|[\da-f]*:[\da-f]*:[\da-f:.]*(%\S+)?)$"
"""Lower case; the latter one is IPv6's. What `Host` is compared with has no port."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Limits(BaseModel):
    """How much a request may ask for; more is refused before any work.

    Attributes:
        body_bytes: of a request, as received.
        pixels: of one image or rendered page.
        pages: of a PDF or TIFF.
        decoded_bytes: of all pictures that the server holds at a time, 3 bytes a pixel; others wait.
        lines: of one `/recognize` request.
        queued: requests that the server holds, waiting or in work; the next one is answered 503.
        seconds: from a request's first byte to its answer; then it is answered 503.
        body_s: that a body may take, and
        body_bytes_per_s: the bytes that it must bring in each second beyond.
        shared_by: processes that speak HTTP; each takes its part of what holds for all requests together.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    body_bytes: int = Field(default=32 * 2**20, ge=1)
    pixels: int = Field(default=50_000_000, ge=1)
    pages: int = Field(default=10, ge=1)
    decoded_bytes: int = Field(default=512 * 2**20, ge=1)
    lines: int = Field(default=256, ge=1)
    queued: int = Field(default=256, ge=1)
    seconds: FiniteFloat = Field(default=600, gt=0)
    body_s: FiniteFloat = Field(default=15, gt=0)
    body_bytes_per_s: int = Field(default=16 * 2**10, ge=1)
    shared_by: int = Field(default=1, ge=1)

    @property
    def queued_here(self) -> int:
        """Requests that one process holds."""
        return -(-self.queued // self.shared_by)

    @property
    def bytes_here(self) -> int:
        """What small pictures hold in one process at a time; bodies and answers are bounded by as much."""
        return self.decoded_bytes // 2 // self.shared_by

    @property
    def answers_bytes(self) -> int:
        """What large answers that are being sent may take together in one process."""
        return self.bytes_here

    @property
    def answer_bytes(self) -> int:
        """What the pictures in one answer may take: those of many pages are more than a client reads at once."""
        return max(self.body_bytes, self.decoded_bytes // 4)

    @property
    def large_bytes(self) -> int:
        """What pictures of over LARGE_PX hold in one process, so that small ones never wait for them."""
        return max(self.bytes_here, 3 * self.pixels)


class Settings(BaseModel):
    """The whole server.

    Attributes:
        recognition: bundle folder, or the name of a pretrained model (`serve.inference.model`).
        detection: the same.
        orientation: the same; without one, no line is turned.
        storage: folder of corrections, retrainings and versions.
        general_labels: label file of lines that a retraining must go on to read; None: they are drawn.
        limits: of a request.
        api_keys: any of them opens the server; empty: it is open.
        url_hosts: hosts from which `file` URLs are fetched; empty: none are.
        hosts: names under which the server may be asked without a key, lower case, without a port; empty: any.
        visualize: `/ocr` answers with pictures unless told otherwise, as PaddleX does.
        recognisers: replicas of the recogniser; None: as many as the GPUs' shares or the cores allow.
        threads_per_replica: cores that a model replica may use. 1: two replicas read more lines than two threads.
        cpus_per_replica: what Ray reserves for a model replica. Less than its threads: a replacement starts beside
            it, and a retraining needs a core too.
        gpus_per_replica: share of a GPU.
        topology: `graph`, a deployment for each model; `fused`, all models in each process that speaks HTTP.
        processes: that speak HTTP.
        spares: how many of these are asked only when another one has died.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    recognition: str = Field(default="pp-ocrv6-small", min_length=1)
    detection: str = Field(default="pp-ocrv6-small", min_length=1)
    orientation: str | None = None
    storage: Path = Path("runs/serve")
    general_labels: Path | None = None
    limits: Limits = Limits()
    api_keys: tuple[str, ...] = ()
    url_hosts: tuple[Annotated[str, Field(pattern=HOST_OR_PORT)], ...] = ()
    hosts: tuple[Annotated[str, Field(pattern=NAME_OR_ADDRESS)], ...] = ()
    visualize: bool = True
    recognisers: int | None = Field(default=None, ge=1)
    threads_per_replica: int = Field(default=1, ge=1)
    cpus_per_replica: FiniteFloat = Field(default=0.1, ge=0)
    gpus_per_replica: FiniteFloat = Field(default=0, ge=0)
    topology: Topology = "graph"
    processes: int = Field(default=1, ge=1)
    spares: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _works(self) -> Self:
        if self.spares >= self.processes:
            raise ValueError("of the processes one at least must not be spare")
        return self

    def sources(self) -> dict[str, str]:
        """Return the bundle folder, or the pretrained model's name, of every task that is served."""
        return {task: source for task in SERVED if (source := getattr(self, task))}

    @property
    def recogniser_replicas(self) -> int:
        """How many recognisers run, in all processes."""
        if self.recognisers:
            return self.recognisers
        share, others = self.gpus_per_replica, len(self.sources()) - 1
        if share:
            return max(1, int(1 / share) - others) * self.processes  # a GPU for each process
        return max(1, count_cores() // self.threads_per_replica)

    def fill_gpus(self, gpus: int) -> "Settings":
        """Return the settings with the recognisers that fit on a machine's GPUs beside the other models.

        Where a number is asked for, or every process that speaks HTTP has a GPU, that is it.
        """
        share = self.gpus_per_replica
        if self.recognisers or not share or self.topology == "fused":
            return self
        others = len(self.sources()) - 1
        return self.model_copy(update={"recognisers": max(1, count_on_gpus(share, gpus) - others)})

    @property
    def recognisers_each(self) -> int:
        """How many recognisers a process that speaks HTTP calls."""
        return -(-self.recogniser_replicas // (self.working if self.topology == "fused" else 1))

    @property
    def working(self) -> int:
        """How many processes speak HTTP at a time."""
        return self.processes - self.spares

    @property
    def cores_alone(self) -> int | None:
        """How many cores a line or page that comes alone may use; None for all of its machine."""
        return None if self.working == 1 else max(1, count_cores() // self.working)

    @property
    def models(self) -> int:
        """How many models a process that speaks HTTP calls, each recogniser counted."""
        return self.recognisers_each + len(self.sources()) - 1

    @property
    def gpus_each(self) -> float:
        """What a process that speaks HTTP takes of a GPU; its models are on one."""
        return min(1.0, self.models * self.gpus_per_replica) if self.topology == "fused" else 0.0

    @property
    def gpus(self) -> float:
        """What all models take of the GPUs."""
        share = self.gpus_per_replica
        if self.topology == "fused":
            return self.processes * self.gpus_each
        return self.models * share if share > 1 or not share else self.models / int(1 / share)

    def of_a_process(self) -> "Settings":
        """Return the settings of a process that speaks HTTP: it has its part of the limits."""
        limits = self.limits.model_copy(update={"shared_by": self.working})
        return self.model_copy(update={"limits": limits})

    @property
    def calls_per_replica(self) -> int:
        """How many calls a model replica has at a time: 8 on a GPU, 1 on a CPU.

        On a CPU a second call gains nothing: the lines that wait in the ingress meanwhile go together in the next.
        """
        return 8 if self.gpus_per_replica else 1


def allowed_hosts(host: str, further: Sequence[str]) -> tuple[str, ...]:
    """Return the names under which a server on `host` may be asked without a key; empty: any.

    On the loopback interface these are its own and `further`: a web page whose name is made to point there would
    otherwise read what it likes (DNS rebinding).
    """
    if "*" in further or not (further or is_loopback(host)):
        return ()
    return tuple(dict.fromkeys(normal_host(name) for name in (*LOOPBACK, host, *further)))


def normal_host(name: str) -> str:
    """Return a name or an address as `Settings.hosts` has it."""
    return name.strip("[]").rstrip(".").lower()


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches an address to listen on."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def count_on_gpus(share: float, gpus: float) -> int:
    """Return how many that take a share of a GPU, or some, are held by a machine's: what two have left holds none."""
    return int(gpus // share) if share >= 1 else int(gpus) * int(1 / share)


def require_resources(settings: Settings, machines: Sequence[Mapping[str, float]]) -> None:
    """Raise UsageError if the replicas need more cores or GPUs than machines have: they would wait for ever.

    Args:
        settings: of the replicas.
        machines: how many `CPU` and `GPU` each has; all GPUs of a replica are on one.
    """
    share, fused = settings.gpus_per_replica, settings.topology == "fused"
    if share > 1 and share != int(share):
        raise UsageError(
            "--gpus must be a share of a GPU or a whole number", share, "name 0.5, 1 or 2, for example"
        )
    taken, holders = (settings.gpus_each, settings.processes) if fused else (share, settings.models)
    gpus = [there.get("GPU", 0.0) for there in machines]
    if taken and holders > sum(count_on_gpus(taken, some) for some in gpus):
        raise UsageError(
            "the replicas must fit the GPUs, each those of one machine",
            f"{holders} with {taken:g} each, and {' + '.join(f'{some:g}' for some in gpus)} GPUs",
            "lower --gpus or --recognisers" if any(gpus) else "leave --gpus out",
        )
    replicas = settings.processes + (0 if fused else settings.models)
    cores = sum(there.get("CPU", 0.0) for there in machines)
    if settings.cpus_per_replica * replicas > cores:
        raise UsageError(
            "the replicas must fit the cores",
            f"{replicas} with {settings.cpus_per_replica:g} each, and {cores:g} cores",
            "lower --recognisers",
        )
