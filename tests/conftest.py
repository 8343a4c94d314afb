"""What every test may ask for."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None)  # a busy machine is no failure
settings.load_profile("house")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in `make test &`: the commands that tests start would inherit it, and could not be interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with the real labelled images; a test that needs it fails where it is missing."""
    repository = Path(__file__).resolve().parent.parent
    folder = Path(repository, os.environ.get("OCR_DATA", "../shared/data")).resolve()
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
