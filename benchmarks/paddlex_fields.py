"""`/ocr` against the PaddleOCR pipeline in this process, field by field: every difference is printed.

    python benchmarks/paddlex_fields.py [--photos N]

Photos of all data sets, drawn pictures of odd shapes and kinds, and PDFs are read by a server of ours and by PaddleOCR,
with the same models (PP-OCRv6 small): corners of boxes, texts, and scores within SCORE. Lines that are longer than
PaddleX takes, which it squeezes, are counted apart. A run that was interrupted goes on after the last file that it
compared (runs/paddlex_fields.jsonl).
"""

import argparse
import base64
import json
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

import httpx
from PIL import Image, ImageDraw, ImageFont

from benchmarks.common import data_folder, machine, print_table, write_result
from benchmarks.servers.server import HOST, server
from serve.inference import pretrained
from tests.serve import paddle_reference as paddle

SCORE = 0.02
SQUEEZED_PX = 3200
SETS = ("vin", "receipts", "scene_words")
ROW = "2026-05-17 12:33:08 worker[18] id=9f31ac77 path=/api/v1/orders status=200 "
COUNTS = ("boxes differ", "texts differ", "scores differ", "squeezed there")
SHAPES = {
    "wide": (1800, 120, 18),
    "banner": (3000, 60, 30),
    "tall": (240, 2400, 20),
    "column": (60, 900, 16),
    "tiny": (40, 20, 12),
    "small": (120, 40, 14),
    "dense": (1200, 900, 12),
    "large": (4600, 3000, 60),
    "square": (800, 800, 26),
}
COMPARED = Path("runs/paddlex_fields.jsonl")
PDF_PAGES = ((1240, 1754, 24), (1754, 1240, 32), (620, 877, 14))


def main(arguments: Sequence[str]) -> int:
    """Compare, print and write the figures."""
    parse = argparse.ArgumentParser(prog="python benchmarks/paddlex_fields.py", description=__doc__)
    parse.add_argument("--photos", type=int, default=14, metavar="N", help="of each data set (default: 14)")
    photos, before = parse.parse_args(arguments).photos, machine()
    with tempfile.TemporaryDirectory() as folder, server("serve/run.py") as port:
        (models := Path(folder, "models")).mkdir()
        rows = compare(paddle.pipeline(models), port, list(files(Path(folder), photos)))
    print_table([{key: value for key, value in row.items() if key != "differences"} for row in rows])
    keys = ("pages", "lines", *COUNTS)
    total = {key: sum(row[key] for row in rows) for key in keys}
    print({"files": len(rows)} | total)
    differences = {row["file"]: row["differences"] for row in rows if row["differences"]}
    write_result("paddlex_fields", before, {"files": len(rows)} | total | {"differences": differences})
    COMPARED.unlink()
    return 0


def compare(ocr: Any, port: int, paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the comparison of every file, those of an interrupted run among them; each is kept as it is made."""
    COMPARED.parent.mkdir(exist_ok=True)
    with COMPARED.open("a+", encoding="utf-8") as kept:
        kept.seek(0)
        rows = {row["file"]: row for row in map(json.loads, kept)}
        for path in paths:
            if path.name not in rows:
                rows[path.name] = compare_file(ocr, port, path)
                kept.write(json.dumps(rows[path.name]) + "\n")
                kept.flush()
    return [rows[path.name] for path in paths]


def files(folder: Path, photos: int) -> Iterator[Path]:
    """Yield the files to read: photos as they lie there, and what is drawn into `folder`."""
    for name in SETS:
        yield from sorted((data_folder() / name / "det_images").glob("*.jpg"))[:photos]
    for name, (width, height, size) in SHAPES.items():
        draw(width, height, size).save(path := folder / f"{name}.png")
        yield path
    picture = draw(900, 300, 28)
    for name, changed in {
        "grey.png": picture.convert("L"),
        "palette.png": picture.convert("P"),
        "one_bit.png": picture.convert("1"),
        "tilted.jpg": picture.rotate(4, expand=True, fillcolor="white"),
        "upside_down.jpg": picture.rotate(180),
        "inverted.jpg": Image.eval(picture, lambda value: 255 - value),
        "empty.png": Image.new("RGB", (400, 300), "white"),
        "black.jpg": Image.new("RGB", (400, 300), "black"),
        "cmyk.jpg": picture.convert("CMYK"),
    }.items():
        changed.save(path := folder / name)
        yield path
    pages = [draw(*page) for page in PDF_PAGES]
    for count in (1, len(pages)):
        pages[0].save(path := folder / f"{count}.pdf", save_all=True, append_images=pages[1:count])
        yield path


def draw(width: int, height: int, size: int) -> Image.Image:
    """Return a picture of rows of text."""
    font = ImageFont.truetype(str(pretrained.find_font()), size)
    picture = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(picture)
    for number, top in enumerate(range(2, height, size + 10)):
        pen.text((4, top), (ROW[number % 20 :] * 9)[: 2 * width // size - 1], fill="black", font=font)
    return picture


def compare_file(ocr: Any, port: int, path: Path) -> dict[str, Any]:
    """Return how many fields of a file differ, and each difference; they are printed, too."""
    expected = list(ocr.predict(str(path), use_textline_orientation=False))
    found, refused = ask(port, path)
    differences = [f"refused: {refused}"] if refused else []
    counts = dict.fromkeys(COUNTS, 0)
    if len(found) != len(expected):
        differences.append(f"{len(found)} pages, PaddleOCR has {len(expected)}")
    lines = 0
    for number, (ours, theirs) in enumerate(zip(found, map(paddle.pruned, expected), strict=False), 1):
        lines += len(theirs["rec_texts"])
        for name, difference in differing_fields(ours, theirs):
            counts[name] += 1
            differences.append(f"page {number}: {difference}")
    for difference in differences:
        print(f"{path.name}: {difference}", flush=True)
    return {
        "file": path.name,
        "pages": len(expected),
        "lines": lines,
        **counts,
        "differences": differences,
    }


def differing_fields(ours: dict[str, Any], theirs: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield which of the counts a difference belongs to, and what it is."""
    if len(ours["rec_texts"]) != len(theirs["rec_texts"]):
        yield "boxes differ", f"{len(ours['rec_texts'])} lines, PaddleOCR has {len(theirs['rec_texts'])}"
        return
    for index, text in enumerate(theirs["rec_texts"]):
        if ours["rec_polys"][index] != theirs["rec_polys"][index]:
            yield "boxes differ", f"{ours['rec_polys'][index]}, PaddleOCR has {theirs['rec_polys'][index]}"
        if ours["rec_texts"][index] != text:
            kind = "squeezed there" if is_squeezed(theirs["rec_polys"][index]) else "texts differ"
            yield kind, f"{ours['rec_texts'][index]!r}, PaddleOCR reads {text!r}"
        elif abs(ours["rec_scores"][index] - theirs["rec_scores"][index]) > SCORE:
            score, other = ours["rec_scores"][index], theirs["rec_scores"][index]
            yield "scores differ", f"{text!r} with {score:.3f}, PaddleOCR has {other:.3f}"


def is_squeezed(quad: Sequence[Sequence[int]]) -> bool:
    """Say whether PaddleX squeezes the line in a quad of four corners."""
    sides = [math.dist(quad[i], quad[i - 1]) for i in range(4)]
    return 48 * max(sides) > SQUEEZED_PX * max(1, min(sides))


def ask(port: int, path: Path) -> tuple[list[dict[str, Any]], str]:
    """Return the pages that our server reads in a file, or why it does not."""
    kind = 0 if path.suffix == ".pdf" else 1
    body = {"file": base64.b64encode(path.read_bytes()).decode("ascii"), "fileType": kind, "visualize": False}
    answer = httpx.post(f"http://{HOST}:{port}/ocr", json=body, timeout=300)
    if answer.status_code != 200:
        return [], answer.text
    return [page["prunedResult"] for page in answer.json()["result"]["ocrResults"]], ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
