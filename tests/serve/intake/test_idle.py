"""When what large inputs took is given back."""

import asyncio

from serve.intake.idle import IDLE_S, WhenIdle


class Clock(asyncio.SelectorEventLoop):
    """An event loop whose time is set."""

    now = 0.0

    def time(self) -> float:
        return self.now


def test_work_waits_until_nothing_was_used_for_a_while_and_is_done_once_each_time() -> None:
    done = []

    async def use(loop: Clock) -> None:
        idle = WhenIdle(lambda: done.append(loop.now))

        async def come_to(now: float) -> None:
            loop.now = now
            for _ in range(3):
                await asyncio.sleep(0)

        idle.restart()
        await come_to(IDLE_S - 1)
        idle.restart()
        await come_to(IDLE_S)
        assert done == []
        await come_to(2 * IDLE_S - 1)
        await come_to(5 * IDLE_S)
        assert done == [2 * IDLE_S - 1]
        idle.restart()
        await come_to(6 * IDLE_S)
        assert done == [2 * IDLE_S - 1, 6 * IDLE_S]

    with asyncio.Runner(loop_factory=Clock) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, Clock)
        runner.run(use(loop))
