"""Broken label files and pictures, by the thousand, through the check, the readers and the decoder.

    python -m tests.train.data.fuzz --count 20000

Every format's example (`tests.contracts.format_examples`) and a picture of every kind are broken at random, the same
for a seed. What comes from outside may be refused in one line, with `OcrError`; another exception, a run of more
than SLOW_S seconds of computing or more memory than MOST_MIB is a fault of ours. Each is printed with its number.
"""

import argparse
import contextlib
import faulthandler
import io
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from serve.errors import RequestError
from serve.settings import Limits
from tests.contracts.format_examples import EXAMPLES, TEXTS, task_of, write_image
from tests.serve.intake.crafted import paged, picture, pillow, promise
from tests.serve.intake.decoding import decode_document
from train.data import check, convert, images
from train.data.decoded.header import image_size
from train.errors import OcrError
from train.system import cli

SLOW_S = 20
MOST_MIB = 2048
SMALL = picture(40, 24)
PICTURES = [
    *(pillow(form=form, image=SMALL) for form in ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "AVIF")),
    *(pillow(mode, "PNG", SMALL) for mode in ("P", "1", "L", "I;16", "RGBA", "LA")),
    *(pillow(mode, "TIFF", SMALL) for mode in ("P", "1", "I;16", "RGBA", "LA", "CMYK", "LAB")),
    *(pillow(form="TIFF", image=SMALL, compression=name) for name in ("tiff_lzw", "jpeg", "packbits")),
    *(pillow(mode, "JPEG", SMALL) for mode in ("L", "CMYK")),
    pillow(form="JPEG", image=SMALL, progressive=True),
    pillow(form="JPEG", image=SMALL, restart_marker_blocks=2),
    pillow("RGBA", "WEBP", SMALL, lossless=True),
    *(paged(form, [SMALL, 255 - SMALL]) for form in ("GIF", "WEBP", "PNG", "TIFF")),
    *(promise(kind, 30_000, 30_000) for kind in ("png", "jpeg", "bmp", "tiff")),
]
PIECES = [
    *(
        b"",
        b"\0",
        b"\n",
        b"\r\n",
        b"\t",
        b"\t\t",
        b" ",
        b",",
        b'"',
        b"'",
        b"[",
        b"]",
        b"{",
        b"}",
        b":",
        b"\\",
        b"/",
    ),
    *(
        b"../",
        b"/",
        b"C:\\x\\",
        b"[" * 5000,
        b"{" * 5000,
        b'{"a":' * 3000,
        b"A" * 20_000,
        b"9" * 5000,
        b"-1",
        b"0",
    ),
    *(
        b"1e999",
        b"NaN",
        b"Infinity",
        b"null",
        b"true",
        b"[]",
        b"{}",
        b'[""]',
        b'["a.png"]',
        b'"\\ud800"',
        b"\xff",
    ),
    *(
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xfe\xff",
        b"\xc3",
        b"\x1a",
        b"\x0b",
        b"\x85",
        b"\xe2\x80\xa8",
    ),
    *(text.encode() for text in ("е́", "\u202eab", "\u200b", "\U0001f600", "ﷺ", "א", "ＦＵＬＬ", "###", "*")),
]


def broken(data: bytes, rng: np.random.Generator, pieces: list[bytes]) -> bytes:
    """Return a file with some bytes changed, cut out, put in, doubled or moved; more often near its start."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        last = min(len(changed), int(rng.choice([40, 300, 1 << 30])))
        at, size = int(rng.integers(0, last + 1)), int(rng.choice([0, 1, 2, 4, 16, 200]))
        new = (
            pieces[int(rng.integers(len(pieces)))]
            if rng.random() < 0.6
            else rng.bytes(int(rng.integers(0, 9)))
        )
        changed[at : at + size] = new if rng.random() < 0.8 else changed[at : at + 2 * size] * 2
    return bytes(changed[: int(len(changed) * rng.random())] if rng.random() < 0.15 else changed)


def broken_picture(rng: np.random.Generator) -> bytes:
    """Return a broken picture, or a whole one of a rare kind, or one that another stands behind."""
    data = PICTURES[int(rng.integers(len(PICTURES)))]
    way = rng.random()
    if way < 0.1:
        return data
    if way < 0.2:
        return data + PICTURES[int(rng.integers(len(PICTURES)))]
    return broken(
        data, rng, [b"", b"\0", b"\xff", b"\xff\xd9", b"\xff\xda", b"\x80", b"\xff" * 4, b"\0\0\0\x40"]
    )


def example_files(name: str, folder: Path) -> dict[str, bytes]:
    """Return the files of a format's example by name."""
    write, _ = EXAMPLES[name]
    labels = [(f"{i}.png", text) for i, text in enumerate(TEXTS)]
    for i, (image, _) in enumerate(labels):
        write_image(folder / image, i)
    write(folder, labels)
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def write_case(files: dict[str, bytes], folder: Path, rng: np.random.Generator) -> None:
    """Write an example's files, some of them broken, lost or turned into something else."""
    names = list(files)
    hit = set(rng.choice(names, int(rng.integers(1, 3))).tolist())
    for name in names:
        path, data = folder / name, files[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        if name in hit:
            is_picture = path.suffix == ".png"
            if rng.random() < 0.04:
                path.mkdir()
                continue
            if rng.random() < 0.04:
                continue
            data = broken_picture(rng) if is_picture else broken(data, rng, PIECES)
        path.write_bytes(data)


def acts(name: str, folder: Path, out: Path, rng: np.random.Generator) -> Iterator[Callable[[], Any]]:
    """Yield what is done with a case: the check as a command, now and then a conversion, every picture by itself."""
    options = [f"--option={key}={value}" for key, value in EXAMPLES[name][1].items()]
    given = ["--format", name] if rng.random() < 0.7 else []
    task = [] if task_of(name) == "recognition" else ["--task", task_of(name)]
    yield lambda: cli.run(check.main, [str(folder), *given, *options, *task])
    if rng.random() < 0.1 and not task:
        yield lambda: cli.run(convert.main, [str(folder), str(out), *given, *options])
    for path in folder.rglob("*.png"):
        if path.is_file():
            yield lambda path=path: read_picture(path)


def read_picture(path: Path) -> None:
    """Look at a picture's header, decode it, and decode it as serving does: header and decoder must agree."""
    with contextlib.suppress(RequestError):
        decode_document(path.read_bytes(), None, Limits(pixels=10**6))
    try:
        size = image_size(path)
        decoded = images.read(path)
    except OcrError:
        return
    assert decoded.shape == (*size, 3), f"{decoded.shape} for {size}"


def fuzz(count: int, seed: int, first: int = 0) -> list[str]:
    """Return the faults of `count` cases, from number `first` on."""
    faults: list[str] = []
    before = _peak_mib()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        files = {name: example_files(name, root / "examples" / name) for name in EXAMPLES}
        for number in range(first, first + count):
            rng = np.random.default_rng([seed, number])
            name = list(EXAMPLES)[int(rng.integers(len(EXAMPLES)))]
            faults += [
                f"case {number}, {name}: {fault}" for fault in case(name, files[name], root / "case", rng)
            ]
    if (more := _peak_mib() - before) > MOST_MIB:
        faults.append(f"{more} MiB of memory")
    return faults


def _peak_mib() -> int:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def case(name: str, files: dict[str, bytes], folder: Path, rng: np.random.Generator) -> Iterator[str]:
    """Yield the faults of one case."""
    shutil.rmtree(folder, ignore_errors=True)
    write_case(files, folder / "data", rng)
    for act in acts(name, folder / "data", folder / "out", rng):
        start = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
            try:
                act()
            except SystemExit:
                pass
            except Exception:  # that is what is looked for
                yield traceback.format_exc(limit=-6)
        if "Traceback" in said.getvalue():
            yield said.getvalue()
        if time.process_time() - start > SLOW_S:
            yield f"{time.process_time() - start:.0f} s"


def main() -> int:
    """Run as many cases as the command line says; return 1 where there are faults."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    faulthandler.enable()
    step, faults = 500, 0
    for first in range(chosen.first, chosen.first + chosen.count, step):
        faulthandler.dump_traceback_later(step * 2, exit=True)
        count = min(step, chosen.first + chosen.count - first)
        found = fuzz(count, chosen.seed, first)
        faults += len(found)
        print(*found, f"{first + count} cases, {faults} faults, {_peak_mib()} MiB", sep="\n", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
