"""What every test may ask for, and which tests run side by side."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# A busy machine is no failure, and what is tried is the same each time: who changes nothing finds no other result.
settings.register_profile(
    "house", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")

if "PYTEST_XDIST_WORKER" in os.environ:
    # Each process computes on one core, and so does what it starts: threads of both would wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# A process keeps the mode of its first cluster: with tokens, Ray's default, it would answer no later one without them.
os.environ.setdefault("RAY_AUTH_MODE", "disabled")

# What a test takes from these starts Ray clusters, servers, or nodes on fixed ports.
STARTERS = {
    f"tests.{name}"
    for name in ("search.driver", "search.machines.nodes", "search.machines.job_cluster", "serve.conftest")
}

CLUSTERS, SERVERS, SHARED = "clusters", "servers", "shared cluster"
"""Groups of tests that each run one after the other, as theirs would take cores and fixed ports from each other."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in `make test &`: the commands that tests start would inherit it, and could not be interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def starts_clusters(item: pytest.Function) -> bool:
    """Return whether a test, or another of its file, starts a cluster or a server of its own."""
    used = {getattr(value, "__module__", None) for value in vars(item.module).values()}
    return bool(item.get_closest_marker("cluster") or "serve_url" in item.fixturenames or STARTERS & used)


def group_of(item: pytest.Item) -> str:
    """Return whom a test shares a process with: all of its folder that start clusters, or the tests of its file."""
    assert isinstance(item, pytest.Function)
    if "local_cluster" in item.fixturenames:
        return SHARED
    if starts_clusters(item):
        return SERVERS if item.path.is_relative_to(ROOT / "tests" / "serve") else CLUSTERS
    return str(item.path.relative_to(ROOT))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In several processes, give each test its group; what takes longest comes first, so that all end together."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    groups = {item: group_of(item) for item in items}
    slow = Counter(group for item, group in groups.items() if item.get_closest_marker("slow"))
    size = Counter(groups.values())
    first = (CLUSTERS, SERVERS, SHARED)
    items.sort(key=lambda item: (groups[item] not in first, -slow[groups[item]], -size[groups[item]]))
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session", autouse=True)
def cache_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let tests unpack images elsewhere than into the cache of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with the real labelled images; a test that needs it fails where it is missing."""
    folder = Path(ROOT, os.environ.get("OCR_DATA", "../shared/data")).resolve()
    if not (folder / "vin" / "rec_gt_train.txt").is_file():
        pytest.fail(f"OCR_DATA must name the folder with vin/, receipts/ and scene_words/, got {folder}")
    return folder


@pytest.fixture(scope="session")
def detection_bundle(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the published tiny detector with thresholds of its own, made once for all tests that need one."""
    from tests.real_photos import config, few_photos
    from train.checkpoint import Checkpoint
    from train.export import export_checkpoint
    from train.loop import assemble

    how = {"max_side_px": 640, "thresh": 0.2, "box_thresh": 0.5, "unclip_ratio": 1.75}
    settings, data = config(detection=how), few_photos(data_dir)
    engine, _ = assemble(settings, data.train)
    folder = tmp_path_factory.mktemp("detection") / "bundle"
    export_checkpoint(Checkpoint(settings, engine.charset, 0, {}, engine.state()), data.val, folder)
    return folder


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Let torch compute on one core: on a busy machine its threads wait for each other for most of the time."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
