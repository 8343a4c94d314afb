"""Calls of replicas: made again where one died, and dropped with the request that waits for them."""

import asyncio

from ray.serve.exceptions import RequestCancelledError

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
