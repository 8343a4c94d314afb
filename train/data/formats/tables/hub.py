"""Line images and texts in Parquet, as data sets on the Hugging Face Hub have them; documents where they are told."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from train.data.sample import Sample, require_unicode
from train.data.split import Splits
from train.errors import DataError

FOLDER, PART = "data", "{}-00000-of-00001.parquet"
NAMES = {"val": "validation"}
"""What the Hub calls a split that is called otherwise here."""
STRING = {"dtype": "string", "_type": "Value"}
FEATURES = {"image": {"_type": "Image"}, "text": STRING}
DOCUMENT = "document"
"""The column of what lines are of: the reader of tables keeps its rows in one split."""
GROUP_BYTES = 64 * 2**20
"""So many bytes of images are in memory together."""
CARD = """---
task_categories:
- image-to-text
configs:
- config_name: default
  data_files:
{files}---
"""


def write_hub(splits: Splits, names: Mapping[Path, str], folder: Path) -> None:
    """Write `data/train-00000-of-00001.parquet` and its like, and the card that names them.

    Args:
        splits: the lines.
        names: what each image is called.
        folder: where to; empty.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    has_documents = any(sample.document for _, samples in splits.items() for sample in samples)
    further = [DOCUMENT] if has_documents else []
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    features = json.dumps({"info": {"features": FEATURES | dict.fromkeys(further, STRING)}})
    columns = [("image", image), ("text", pa.string()), *((name, pa.string()) for name in further)]
    schema = pa.schema(columns, {"huggingface": features})
    (folder / FOLDER).mkdir()
    files = ""
    for split, samples in splits.items():
        name = NAMES.get(split, split)
        with pq.ParquetWriter(folder / FOLDER / PART.format(name), schema) as writer:
            for rows in _groups(samples, names):
                writer.write_table(pa.Table.from_pylist(rows, schema))
        files += f"  - split: {name}\n    path: {FOLDER}/{name}-*\n"
    (folder / "README.md").write_text(CARD.format(files=files), "utf-8")


def _groups(samples: Sequence[Sample], names: Mapping[Path, str]) -> Iterator[list[dict[str, Any]]]:
    """Yield rows, as many together as memory is meant to hold."""
    rows, size = [], 0
    for sample in samples:
        require_unicode(sample)
        content = _content(sample.path)
        image = {"bytes": content, "path": names[sample.path]}
        rows.append({"image": image, "text": sample.text, DOCUMENT: sample.document})
        size += len(content)
        if size > GROUP_BYTES:
            yield rows
            rows, size = [], 0
    yield rows


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            "every image must be readable",
            f"{path}: {error.strerror}",
            "restore it or remove its label; python -m train.data.check finds all",
        ) from error
