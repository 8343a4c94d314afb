"""What one server alone holds on a machine: its port and its storage, from before anything is started."""

import errno
import logging
import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from train.errors import UsageError
from train.system.files import take_lock

MAX_PORT = 65_535
FILE = ".server"
LEFT_BEHIND_S = 15.0
"""How long what a killed server left may hold its port: some seconds, until its proxy notices."""
log = logging.getLogger("ocrtune")


class PortTakenError(UsageError):
    """Another program listens on the port."""


class StorageClaim:
    """A storage that no other server on this machine uses; the system gives it back when this process ends."""

    def __init__(self, file: IO[str], port: str) -> None:
        """Take the file that is locked, and the port that an earlier server named there; empty if that one ended."""
        self._file, self.left_behind = file, port

    def name(self, port: str) -> None:
        """Note the port: it stays in the file where the server is killed."""
        self._write(port)

    def give_back(self) -> None:
        """End the claim."""
        self._write("")
        self._file.close()

    def _write(self, text: str) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._file.write(text)
        self._file.flush()


@dataclass(frozen=True)
class Claims:
    """What a server holds.

    Attributes:
        storage: its folder; None on a shared cluster, where another command may replace its models.
        port: keeps other servers from the port until HAProxy listens there; None where the system allows none.
        taken: to be raised unless the shared cluster's own server has the port; None: it was free.
    """

    storage: StorageClaim | None
    port: socket.socket | None = None
    taken: PortTakenError | None = None

    def give_back(self) -> None:
        """End the claims."""
        if self.storage:
            self.storage.give_back()
        if self.port:
            self.port.close()


def claim(storage: Path | None, host: str, port: int) -> Claims:
    """Claim a storage, None on a shared cluster, and a port; raise UsageError for what cannot be had."""
    if storage is None:
        try:
            return Claims(None, claim_port(host, port))
        except PortTakenError as error:
            return Claims(None, taken=error)
    held = claim_storage(storage)
    listener = claim_port(host, port, held.left_behind)
    held.name(f"{format_host(host)}:{port}")
    return Claims(held, listener)


def claim_storage(folder: Path) -> StorageClaim:
    """Claim a server's folder; raise UsageError if another server has it, or it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / FILE).open("a+", encoding="utf-8")
    except OSError as error:
        raise refuse_storage(folder, error) from error
    try:
        take_lock(file)
    except BlockingIOError as error:
        file.seek(0)
        serving = f"{folder}, where the server on {file.read() or 'another port'} keeps its files"
        file.close()
        raise UsageError("--storage must be one server's alone", serving, "name another one") from error
    file.seek(0)
    return StorageClaim(file, file.read())


def refuse_storage(folder: Path, error: OSError) -> UsageError:
    """Return what to raise where a server's folder cannot be written."""
    return UsageError(
        "--storage must be a folder that can be written",
        f"{error.filename or folder} ({error.strerror})",
        "make room there, or name another one",
    )


def claim_port(host: str, port: int, left_behind: str = "") -> socket.socket | None:
    """Claim a port; raise PortTakenError, or UsageError for one that cannot be listened on.

    Args:
        host: to listen on.
        port: the same.
        left_behind: `HOST:PORT` of an earlier server that was killed: what it started may hold the port for a moment.

    Returns:
        A socket that keeps other servers from the port until HAProxy listens there; None where the system allows none.
    """
    if not 1 <= port <= MAX_PORT:
        raise UsageError(f"--port must be 1 to {MAX_PORT}", port, "choose another one")
    if not host:  # of a variable that is not set, perhaps: HAProxy would listen on all interfaces
        raise UsageError(
            "--host must be an address to listen on", repr(host), "name it; 0.0.0.0 stands for all"
        )
    where = f"{format_host(host)}:{port}"
    until = time.monotonic() + (LEFT_BEHIND_S if left_behind == where else 0)
    warned = False
    while True:
        try:
            return _bind(host, port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and time.monotonic() < until:
                if not warned:
                    log.info("waiting for %s: the server before was killed, and its proxy still ends", where)
                warned = True
                time.sleep(0.1)
                continue
            raise _refuse(error, where) from error


def _bind(host: str, port: int) -> socket.socket | None:
    """Return a socket beside which HAProxy alone can listen; raise OSError for a port that is taken."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
    listener = socket.socket(family)
    # as HAProxy has it, and no other server's probe
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    with suppress(OSError):  # a connection of another program's may linger on the port
        listener.bind(address)
        return listener
    return None


def _refuse(error: OSError, where: str) -> UsageError:
    found = f"{where} ({error.strerror})"
    if error.errno == errno.EADDRINUSE:
        return PortTakenError("--port must be free", found, "choose another --port")
    return UsageError(
        "--host and --port must be an address of this machine that may be listened on", found, "change them"
    )


def format_host(host: str) -> str:
    """Return a host as written in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def find_free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_free_range(size: int) -> int:
    """Return the first of so many ports; they are this process's by its number, so that servers have different ones.

    They lie below those that systems give to connections.
    """
    first, last = 20_000, 32_000
    return first + os.getpid() % ((last - first) // size) * size
