"""Files for the tests of serving's guards: whole ones of every kind, and small ones that promise to be huge."""

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import PIL.Image

from train.data.images import Image


def picture(width: int = 80, height: int = 60, seed: int = 0) -> Image:
    """Smooth noise, so that lossy formats keep it; (height, width, 3) uint8 BGR."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def pillow(mode: str = "RGB", form: str = "PNG", image: Image | None = None, **options: Any) -> bytes:
    """Save with Pillow."""
    pixels = PIL.Image.fromarray((picture() if image is None else image)[..., ::-1]).convert(mode)
    file = io.BytesIO()
    pixels.save(file, form, **options)
    return file.getvalue()


def paged(form: str, images: Sequence[Image], **options: Any) -> bytes:
    """Save several pages as a TIFF or PDF, 72 pixels to the inch; also animations (GIF, WebP, PNG)."""
    first, *rest = [PIL.Image.fromarray(image[..., ::-1]) for image in images]
    file = io.BytesIO()
    first.save(file, form, save_all=True, append_images=rest, **options)
    return file.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_bomb(width: int, height: int) -> bytes:
    """A valid 1-bit PNG of zeros."""
    packer = zlib.compressobj(9)
    row = bytes(1 + -(-width // 8))
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def promise(kind: str, width: int, height: int) -> bytes:
    """A whole small file of this kind whose header says it is `width` x `height`."""
    if kind == "tiff":
        return tiff([{256: width, 257: height, 258: 8, 262: 1, 277: 1}])
    data = bytearray(pillow(form=kind.upper(), **({"lossless": True} if kind == "webp" else {})))
    if kind == "png":
        struct.pack_into(">II", data, 16, width, height)
        struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    elif kind == "jpeg":
        struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, height, width)
    elif kind == "bmp":
        struct.pack_into("<ii", data, 18, width, -height)
    else:
        struct.pack_into("<I", data, 21, (width - 1) | (height - 1) << 14)
    return bytes(data)


def tiff(pages: Sequence[dict[int, int]], order: str = "<", last: int = 0) -> bytes:
    """Directories of one 32-bit value a tag, without pixels; the last points to offset `last`."""
    data = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    for index, tags in enumerate(pages):
        following = len(data) + 2 + 12 * len(tags) + 4
        entries = b"".join(struct.pack(order + "HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
        end = following if index < len(pages) - 1 else last
        data += struct.pack(order + "H", len(tags)) + entries + struct.pack(order + "I", end)
    return data


def pdf(boxes: Sequence[str], content: bytes = b"", extra: bytes = b"", count: int | None = None) -> bytes:
    """A PDF of pages with these MediaBoxes, e.g. "0 0 200 100", all with the same content."""
    kids = " ".join(f"{5 + i} 0 R" for i in range(len(boxes)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(boxes) if count is None else count}>>".encode(),
        f"<</Length {len(content)}>>stream\n".encode() + content + b"\nendstream",
        extra or b"null",
        *(
            f"<</Type/Page/Parent 2 0 R/MediaBox[{box}]/Contents 3 0 R/Resources<</XObject<</X 4 0 R>>>>>>".encode()
            for box in boxes
        ),
    ]
    data, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj" % number + body + b"endobj\n"
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    tail = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, len(data))
    return data + head + table + tail
