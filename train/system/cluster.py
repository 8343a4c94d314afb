"""What Ray needs before it is started: room for its sockets, or a cluster that answers; known without Ray itself."""

import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path

from train.errors import UsageError
from train.system.paths import require_folder

SOCKET_BYTES = 107
LONGEST_SOCKET = "/ray/session_2026-01-31_23-59-59_999999_4194304/sockets/plasma_store"
CONNECT_S, ANSWER_S = 10.0, 30.0
TEMPORARY, TOKEN = ("RAY_TMPDIR", "TMPDIR"), "RAY_AUTH_TOKEN"


def require_ray_folder() -> None:
    """Raise UsageError if the folder for temporary files is too deep for Ray's sockets, or cannot be written."""
    name = next((name for name in TEMPORARY if name in os.environ), "TMPDIR")
    folder = os.environ.get(name, "/tmp")  # noqa: S108 - where Ray itself goes
    longest = SOCKET_BYTES - len(LONGEST_SOCKET)
    if len(os.fsencode(folder)) > longest:
        raise UsageError(
            f"{name} must have at most {longest} bytes, as Ray's sockets lie in it",
            f"{folder} ({len(os.fsencode(folder))} bytes)",
            "set RAY_TMPDIR to a short folder, e.g. RAY_TMPDIR=/tmp",
        )
    require_folder(Path(folder), name)


def find_room_for_token() -> None:
    """Give a cluster that is started here a token of its own where the home folder cannot keep one."""
    if TOKEN in os.environ or f"{TOKEN}_PATH" in os.environ:
        return
    token_file = Path(os.path.expanduser("~/.ray/auth_token"))
    try:
        if not token_file.is_file():
            require_folder(token_file.parent, TOKEN)
    except UsageError:
        os.environ[TOKEN] = secrets.token_hex(32)


def require_cluster(address: str, option: str) -> None:
    """Raise UsageError, within a minute, unless a Ray cluster answers at an address.

    Args:
        address: as Ray takes it: `host:port`, `ray://host:port`, or `auto`.
        option: where it comes from.
    """
    fault = None if address == "auto" else _refusal(address)
    if fault is None and "://" not in address:
        fault = _silence(address)
    if fault:
        raise UsageError(
            f"{option} must name a Ray cluster that answers",
            f"{address}: {fault}",
            "start it (ray start --head), name another one, or leave it out to use this machine alone",
        )


def _refusal(address: str) -> str | None:
    """Return why nothing listens there."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon or not host or not port.isdecimal():
        return "it is not host:port"
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except (OSError, OverflowError, UnicodeError) as error:
        return str(getattr(error, "strerror", None) or error)
    return None


def _silence(address: str) -> str | None:
    """Return why what listens there is no cluster; asked in a process of its own, which can be ended."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    try:
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=ANSWER_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {ANSWER_S:.0f} s"
    if not done.returncode:
        return None
    words = done.stderr.decode(errors="replace").strip().splitlines()
    return words[-1][:200] if words else f"its health check ended with {done.returncode}"
