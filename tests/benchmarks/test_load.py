"""A server that works at one pace is told to do so, whatever it is asked for and by however many."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.servers.load import Load


def serve_in_turn(load: Load, work_s: list[float]) -> None:
    """Send a load to a server that has one request in work at a time, at a clock of its own."""
    waiting, now = deque[tuple[int, int]](), 0.0

    def send(client: int) -> None:
        if (number := load.send(now)) is not None:
            waiting.append((client, number))

    for client in range(load.clients):
        send(client)
    while waiting:
        client, number = waiting.popleft()
        now += work_s[number % len(work_s)]
        load.take(client, number, now)
        send(client)


@given(
    work_s=st.lists(st.floats(0.1, 3), min_size=1, max_size=20),
    clients=st.integers(1, 40),
    seconds=st.floats(0.1, 30),
)
def test_dear_and_cheap_requests_count_alike_and_what_is_half_done_is_not_lost(
    work_s: list[float], clients: int, seconds: float
) -> None:
    load = Load(clients, len(work_s), seconds, warm_up_s=seconds / 3)
    serve_in_turn(load, work_s)
    counted = [number % len(work_s) for number in load.waits_s]
    assert {counted.count(number) for number in range(len(work_s))} == {len(counted) // len(work_s)}
    assert load.rate(len(counted)) == pytest.approx(len(work_s) / sum(work_s))
