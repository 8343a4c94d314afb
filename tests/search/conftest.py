"""What the search's tests share."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="package")
def local_cluster() -> Iterator[None]:
    """This process is on a Ray cluster of two cores: one for all tests that kill no part of it."""
    import ray

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()
