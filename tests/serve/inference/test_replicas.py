"""Calls of replicas: made again where one died, and dropped with the request that waits for them."""

import asyncio

import pytest
from ray.exceptions import ActorDiedError, NodeDiedError, ObjectLostError, OutOfMemoryError, RayTaskError
from ray.serve.exceptions import RequestCancelledError

from serve.api.door import describe_error
from serve.errors import BusyError
from serve.inference import replicas


def test_a_call_that_nobody_waits_for_is_not_made_again() -> None:
    """Ray Serve's error of a cancelled call is that of one whose replica ends, too, which is made again."""
    calls = 0

    async def call() -> str:
        nonlocal calls
        calls += 1
        try:
            await asyncio.sleep(60 if calls == 1 else 0)
        except asyncio.CancelledError:
            raise RequestCancelledError("it") from None
        return "read"

    async def run() -> None:
        waiting = asyncio.create_task(replicas.retry(call))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert calls == 1
        assert await replicas.retry(fail_once) == "read"

    failed = False

    async def fail_once() -> str:
        nonlocal failed
        if not failed:
            failed = True
            raise RequestCancelledError("it")
        return "read"

    asyncio.run(run())


@pytest.mark.parametrize(
    "lost",
    [ActorDiedError(), OutOfMemoryError("evicted"), NodeDiedError("gone"), ObjectLostError("00", None, "")],
    ids=lambda error: type(error).__name__,
)
def test_what_was_lost_with_a_process_or_its_machine_is_asked_again(lost: Exception) -> None:
    """Ray ends a process for its memory with another error than one that crashes."""
    failures = [lost]

    async def call() -> str:
        if failures:
            raise failures.pop()
        return "read"

    assert asyncio.run(replicas.retry(call)) == "read"


def test_what_a_replica_refuses_is_said_in_its_own_words() -> None:
    refused = BusyError("a large picture needs memory", "too little of it", "send it smaller")

    async def call() -> str:
        raise RayTaskError(
            "find", "Traceback (most recent call last):\n  File secret", refused
        ).as_instanceof_cause()

    with pytest.raises(BusyError) as raised:
        asyncio.run(replicas.retry(call))
    assert describe_error(raised.value, "1") == (503, str(refused), {"retry-after": "1"})
