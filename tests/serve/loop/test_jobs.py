"""What Ray's client for jobs raises, as a retraining hears it; no cluster runs here."""

from types import SimpleNamespace
from typing import Any

import pytest
import requests

from serve.errors import BusyError
from serve.loop import jobs
from serve.loop.jobs import UNKNOWN, RayJobs


class Broken(RayJobs):
    """A job server that answers every request with one error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def _client(self) -> Any:
        def fail(*_: object, **__: object) -> None:
            raise self._error

        return SimpleNamespace(submit_job=fail, get_job_info=fail, stop_job=fail)


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "find_cluster_address", lambda: "127.0.0.1:40404")


def test_only_a_job_that_its_cluster_does_not_know_has_ended_with_it() -> None:
    """The digits may stand in a port, or in the name of a retraining of the fourth of April."""
    gone = Broken(RuntimeError("Request failed with status code 404: Job retrain-20260101 does not exist."))
    assert gone.state("retrain-20260101")[0] == UNKNOWN
    broken = Broken(RuntimeError("Request failed with status code 500: of retrain-20260404, at port 40404."))
    with pytest.raises(BusyError, match="status code 500"):
        broken.state("retrain-20260404")


def test_a_job_server_that_goes_away_is_busy() -> None:
    away = Broken(requests.exceptions.ConnectionError("refused"))
    for ask in (away.state, away.stop, lambda name: away.submit(name, ["true"], {})):
        with pytest.raises(BusyError, match="got refused"):
            ask("retrain-1")
