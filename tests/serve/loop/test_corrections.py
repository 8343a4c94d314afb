"""The store of corrections: whole or not there, each image once, readable by training, safe for many processes."""

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from serve.errors import ConflictError, TooLargeError, UndecodableError, UnknownError
from serve.loop import corrections
from serve.loop.corrections import MAX_TEXT, MOST_TYPED, CorrectionStore, hash_image
from tests.serve.loop.loop_parts import made
from train.data import images
from train.data.formats.loading import load
from train.data.texts.forms import normal_form
from train.errors import OcrError

REPOSITORY = Path(__file__).resolve().parents[3]
IMAGES = st.tuples(st.integers(1, 6), st.integers(1, 8)).flatmap(
    lambda shape: arrays(np.uint8, (*shape, 3), elements=st.integers(0, 255))
)


@pytest.fixture
def store(tmp_path: Path) -> CorrectionStore:
    return CorrectionStore(tmp_path / "corrections")


def test_what_is_added_comes_back(store: CorrectionStore) -> None:
    correction, new = store.add(made(1), " ABC 123 ", "ABC I23", {"page": 2})
    assert new
    assert store.page() == [correction]
    assert (correction.text, correction.original) == ("ABC 123", "ABC I23")
    pixels = images.decode(store.image(correction.id), "png")
    np.testing.assert_array_equal(pixels, made(1))
    fields = json.loads((store.folder / f"{correction.id}.json").read_bytes())
    assert fields["corrected_text"] == "ABC 123"
    assert fields["page"] == 2


def test_an_empty_store_is_empty(store: CorrectionStore) -> None:
    assert (store.count(), store.page(), store.snapshot(store.folder)) == (0, [], [])


def test_the_same_pixels_get_the_new_text(store: CorrectionStore) -> None:
    first, _ = store.add(made(1), "OLD", "READ")
    second, new = store.add(made(1), "NEW", None)
    assert not new
    assert (second.id, second.created) == (first.id, first.created)
    assert [c.text for c in store.page()] == ["NEW"]


def test_the_same_picture_in_another_file_format_is_the_same(store: CorrectionStore) -> None:
    for suffix in (".png", ".bmp", ".webp"):
        _, data = cv2.imencode(suffix, made(1), [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else [])
        store.add(images.decode(data.tobytes(), suffix), "A")
    assert store.count() == 1


def test_the_newest_come_first_and_by_pages(store: CorrectionStore) -> None:
    for seed in range(5):
        correction, _ = store.add(made(seed), f"T{seed}")
        os.utime(store.folder / f"{correction.id}.png", (seed, seed))  # one tick may see several
    assert [c.text for c in store.page(1, 2)] == ["T3", "T2"]
    assert store.page(5, 10) == []


def test_training_reads_the_folder(store: CorrectionStore) -> None:
    for seed in range(3):
        store.add(made(seed), f"T{seed}")
    (store.folder / ".half.png").write_bytes(b"")
    name, splits = load(store.folder)
    assert name == "image_json"
    assert {sample.text for sample in splits["all"]} == {"T0", "T1", "T2"}


DAMAGES = [
    "{half",
    "[]",
    "{}",
    '{"corrected_text": 7, "created": ""}',
    '{"corrected_text": "A", "created": null}',
]


@pytest.mark.parametrize("left", DAMAGES)
def test_one_that_was_damaged_is_named_and_can_be_removed(store: CorrectionStore, left: str) -> None:
    other, correction = store.add(made(2), "B2")[0], store.add(made(1), "A1")[0]
    (store.folder / f"{correction.id}.json").write_text(left)
    listed = {one.id: one for one in store.page()}
    damaged = listed[correction.id]
    assert (listed[other.id], damaged.text, damaged.created[:2]) == (other, "", "20")
    told = f"{correction.id}.json: .*DELETE /corrections/{correction.id}"
    assert re.search(told, str(damaged.damaged))
    store.remove(correction.id)
    assert store.page() == [other]


@pytest.mark.parametrize("left", DAMAGES)
def test_one_that_was_damaged_gives_way_and_is_kept(store: CorrectionStore, left: str) -> None:
    labels = store.folder / f"{store.add(made(1), 'A1')[0].id}.json"
    for damage in (left, "once more"):
        labels.write_text(damage)
        again, new = store.add(made(1), "A2")
        assert (new, store.page()) == (False, [again])
    kept = [labels.with_name(f"{labels.name}.damaged{number}").read_text() for number in ("", "1")]
    assert kept == [left, "once more"]
    assert [sample.text for sample in load(store.folder)[1]["all"]] == ["A2"]
    store.remove(again.id)
    assert [path.name for path in store.folder.iterdir()] == [".lock"]


def test_a_picture_that_was_damaged_is_written_again(store: CorrectionStore) -> None:
    pixels = store.folder / f"{store.add(made(1), 'A1')[0].id}.png"
    pixels.write_bytes(pixels.read_bytes()[:40])
    assert store.add(made(1), "A1")[1]
    np.testing.assert_array_equal(images.read(pixels), made(1))


def test_one_whose_text_was_taken_away_is_named_and_can_be_added_again(
    store: CorrectionStore, tmp_path: Path
) -> None:
    correction, _ = store.add(made(1), "A1")
    labels, remedy = store.folder / f"{correction.id}.json", f"DELETE /corrections/{correction.id}"
    labels.write_text("{}")
    with pytest.raises(ConflictError, match=f"{labels.name}: no corrected_text; .*{remedy}"):
        store.snapshot(tmp_path)
    labels.unlink()
    with pytest.raises(ConflictError, match=f"{labels.name}: none; .*{remedy}"):
        store.snapshot(tmp_path)
    again, _ = store.add(made(1), "A2")
    assert store.page() == [again]


def test_a_removed_one_is_gone(store: CorrectionStore) -> None:
    correction, _ = store.add(made(1), "A")
    store.remove(correction.id)
    assert store.count() == 0
    for call in (store.image, store.remove):
        with pytest.raises(UnknownError):
            call(correction.id)
    assert store.add(made(1), "A")[1]


@pytest.mark.parametrize("key", ["", "..", "../versions", "/etc/passwd", "0" * 31, "G" * 32, "0" * 32])
def test_no_id_leads_out_of_the_folder(store: CorrectionStore, key: str) -> None:
    for call in (store.image, store.remove):
        with pytest.raises(UnknownError):
            call(key)


@pytest.mark.parametrize(
    "text", ["", "  ", "a\tb", "a\nb", "a\0b", "\ud800", "a\u2028b", "a\u200bb", "\ufeff"]
)
def test_what_no_line_says_is_refused(store: CorrectionStore, text: str) -> None:
    with pytest.raises(UndecodableError):
        store.add(made(1), text)
    assert store.count() == 0


def test_a_text_beyond_all_lines_is_refused(store: CorrectionStore) -> None:
    with pytest.raises(TooLargeError):
        store.add(made(1), "x" * (MAX_TEXT + 1))


def test_a_text_is_short_before_it_is_composed(
    store: CorrectionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That takes the square of the marks on a letter: a megabyte of them would hold the server for minutes."""

    def compose(text: str) -> str:
        assert len(text) <= MOST_TYPED
        return normal_form(text)

    monkeypatch.setattr(corrections, "normal_form", compose)
    with pytest.raises(TooLargeError):
        store.add(made(1), "a" + "\u0300\u0316" * MOST_TYPED)
    assert store.add(made(1), "e\u0301" * MAX_TEXT)[0].text == "é" * MAX_TEXT


def test_a_snapshot_does_not_change(store: CorrectionStore, tmp_path: Path) -> None:
    store.add(made(1), "OLD")
    gone, _ = store.add(made(2), "GONE")
    (tmp_path / "copy").mkdir()
    taken = store.snapshot(tmp_path / "copy")
    store.add(made(1), "NEW")
    store.remove(gone.id)
    assert {c.text for c in taken} == {"OLD", "GONE"}
    assert {s.text for s in load(tmp_path / "copy")[1]["all"]} == {"OLD", "GONE"}


def test_a_png_is_never_without_its_text(store: CorrectionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies between the two files leaves what training does not look at."""

    def dies(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("serve.loop.corrections._encode_png", dies)
    with pytest.raises(KeyboardInterrupt):
        store.add(made(1), "HALF")
    assert store.count() == 0
    assert list(store.folder.glob("*.png")) == []
    monkeypatch.undo()
    assert store.add(made(1), "WHOLE")[1]


@settings(max_examples=40)
@given(image=IMAGES, text=st.text(max_size=40), original=st.none() | st.text(max_size=40))
def test_any_image_and_text_is_kept_or_refused(image: images.Image, text: str, original: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = CorrectionStore(Path(folder))
        try:
            correction, _ = store.add(image, text, original)
        except OcrError:
            assert store.count() == 0
            return
        assert store.page() == [correction]
        written = unicodedata.normalize("NFC", text).strip()
        assert correction.text == written
        np.testing.assert_array_equal(images.decode(store.image(correction.id), ""), image)
        assert [s.text for s in load(store.folder)[1]["all"]] == [written]


@given(first=IMAGES, second=IMAGES)
def test_an_id_is_that_of_the_pixels_and_their_shape(first: images.Image, second: images.Image) -> None:
    same = first.shape == second.shape and np.array_equal(first, second)
    assert (hash_image(first) == hash_image(second)) == same


def test_a_reshaped_image_is_another_one() -> None:
    assert hash_image(made(1)) != hash_image(made(1).reshape(20, 8, 3))


def _write(folder: Path, process: int, rounds: int) -> None:
    store = CorrectionStore(folder)
    for count in range(rounds):
        shared, _ = store.add(made(count), f"P{process}")
        store.add(made(1000 * process + count), f"P{process}")
        if count % 3 == process:
            store.remove(shared.id)


def test_two_processes_write_while_a_third_reads(store: CorrectionStore) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(store.folder, number, 30)) for number in (1, 2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        for correction in store.page(limit=1000):
            assert correction.text in {"P1", "P2"}
    for writer in writers:
        writer.join()
        assert writer.exitcode in (0, 1)  # 1: the other one removed the same correction first
    _, splits = load(store.folder)
    assert len(splits["all"]) == store.count()
    assert all(images.read(sample.path).shape == (8, 20, 3) for sample in splits["all"])
    assert not [path for path in store.folder.iterdir() if path.name.startswith(".") and path.name != ".lock"]


WRITER = """
import itertools, sys
from pathlib import Path
from tests.serve.loop.test_corrections import CorrectionStore, made
store = CorrectionStore(Path(sys.argv[1]))
for seed in itertools.count(int(sys.argv[2])):
    store.add(made(seed, 2000), f"T{seed}")
    print(seed, flush=True)
"""


def test_a_killed_writer_leaves_whole_corrections_and_no_lock(store: CorrectionStore) -> None:
    for start in (0, 10_000, 20_000):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(store.folder), str(start)],
            cwd=REPOSITORY, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )  # fmt: skip
        assert writer.stdout is not None
        for _ in range(3 + start // 10_000):
            assert writer.stdout.readline()
        time.sleep(0.003)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
    store.add(made(99_999), "AFTER")
    samples = load(store.folder)[1]["all"]
    assert len(samples) == store.count() >= 13
    assert {images.read(sample.path).shape for sample in samples} == {(8, 2000, 3), (8, 20, 3)}
