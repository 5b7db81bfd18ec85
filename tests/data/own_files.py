"""Small files in every format of docs/data.md, and what the page's code makes of them."""

from __future__ import annotations

import csv
import gzip
import io
import re
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from research.data.columns import Columns, as_objects
from research.data.formats.array_records import ArrayRecord
from research.data.formats.writers import WRITERS
from research.options.catalog import ROOT
from tests.data.sources.written import write_tfrecord

PAGE = (ROOT / "docs" / "data.md").read_text()
BLOCKS: dict[str, str] = {
    name: code
    for name, code in re.findall(
        r"^```python\n# experiments/own/(\w+)\.py\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE
    )
}
"""Name of an experiment -> its file, as docs/data.md has it."""
ROWS = 240
KINDS = ("daisy", "rose", "tulip")


def write_all(data: Path) -> None:
    """Write the files that the page reads, in the folder `data`."""
    data.mkdir()
    draw = np.random.default_rng(0)
    _write_tables(data, draw)
    _write_pictures(data, draw)
    _write_texts(data, draw)


def _write_tables(data: Path, draw: np.random.Generator) -> None:
    rooms, age = draw.integers(1, 9, ROWS), draw.uniform(0, 80, ROWS)
    place = draw.choice(["inland", "bay", ""], ROWS)
    price = 50 * rooms - age + 80 * (place == "bay") + draw.normal(size=ROWS)
    for shard in range(2):
        with (data / f"houses-{shard}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["rooms", "age", "place", "price"])
            for row in range(shard, ROWS, 2):
                known = "" if row % 11 == 0 else age[row]
                rows.writerow([rooms[row], known, place[row], price[row]])
    kind = np.arange(ROWS) % 3
    petal = kind + 0.1 * draw.normal(size=ROWS)
    import pyarrow as pa
    from pyarrow import parquet

    names = [KINDS[each] for each in kind]
    table = {"number": np.arange(ROWS), "petal": petal, "length": 2 * petal, "species": names}
    parquet.write_table(pa.table(table), data / "flowers.parquet", row_group_size=50)
    x = draw.normal(size=(ROWS, 3)).astype(np.float32)
    np.save(data / "x.npy", x)
    np.save(data / "y.npy", x @ np.array([1, 2, -1], np.float32) + 5)


def _picture(kind: int, height: int, width: int, draw: np.random.Generator) -> np.ndarray:
    """Noise that is brightest in the colour of its kind: uint8 `[height, width, 3]`."""
    pixels = draw.integers(0, 90, (height, width, 3), np.uint8)
    pixels[..., kind] += 140
    return pixels


def _encode(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _write_pictures(data: Path, draw: np.random.Generator) -> None:
    kinds = draw.integers(0, 3, ROWS)
    sizes = draw.integers(16, 30, (ROWS, 2))
    pictures = [
        _picture(k, h, w, draw) for k, (h, w) in zip(kinds.tolist(), sizes.tolist(), strict=True)
    ]
    encoded = [_encode(pixels) for pixels in pictures]
    for row, (kind, pixels) in enumerate(zip(kinds, pictures, strict=True)):
        folder = data / "photos" / KINDS[kind]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{row}.jpg", quality=95)
    names = [KINDS[kind].encode() for kind in kinds]
    columns: Columns = {"image": as_objects(encoded), "flower": as_objects(names)}
    write_tfrecord(columns, data / "photos-0.tfrecord")
    WRITERS[ArrayRecord].write(ArrayRecord(), iter([columns]), data / "photos-0.array_record")
    with tarfile.open(data / "photos-0.tar", "w") as tar:
        for row, (kind, content) in enumerate(zip(kinds, encoded, strict=True)):
            for ending, text in (("jpg", content), ("cls", str(kind).encode())):
                member = tarfile.TarInfo(f"{row:04}.{ending}")
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text))
    small = np.stack([_picture(kind, 32, 32, draw) for kind in kinds.tolist()])
    grey = np.zeros((ROWS, 12, 12), np.uint8)
    for image, kind in zip(grey, kinds, strict=True):
        image[3 * kind + 1 : 3 * kind + 4, 2:10] = 200
    for name, array in (("images-idx3", grey), ("labels-idx1", kinds.astype(np.uint8))):
        head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        (data / f"train-{name}-ubyte.gz").write_bytes(gzip.compress(head + array.tobytes()))
    records = np.concatenate(
        [kinds[:, None].astype(np.uint8), small.transpose(0, 3, 1, 2).reshape(ROWS, -1)], axis=1
    )
    records[:120].tofile(data / "data_batch_1.bin")
    records[120:200].tofile(data / "data_batch_2.bin")
    records[200:].tofile(data / "test_batch.bin")


def _write_texts(data: Path, draw: np.random.Generator) -> None:
    words = {"good": ["wonderful", "moving", "best"], "bad": ["dull", "boring", "worst"]}
    both = ["the", "film", "a", "story", "and", "it"]
    labels = draw.choice(["good", "bad"], ROWS).tolist()
    texts = [" ".join(draw.choice([*words[each], *both], 8)) for each in labels]
    with (data / "reviews.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["review", "sentiment"])
        rows.writerows(zip(texts, labels, strict=True))
    (data / "texts.txt").write_text("".join(f"{text}\n" for text in texts))
    (data / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
