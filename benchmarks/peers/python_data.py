"""Records per second of loaders in Python: PyTorch's DataLoader, grain, webdataset, litdata."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from loading import BUFFER, LONGEST, SEED, arguments, files_in, serve_loader

WORKERS = 2


def pad(text: bytes) -> np.ndarray:
    """A text as uint8 `[longest]`, with zeros behind it."""
    padded = np.zeros(LONGEST, np.uint8)
    padded[: len(text)] = np.frombuffer(text, np.uint8)
    return padded


def pixels(content: bytes) -> np.ndarray:
    """A picture's bytes as uint8 `[28, 28, 1]`."""
    return np.frombuffer(content, np.uint8).reshape(28, 28, 1).copy()


def parse(record: bytes) -> dict[str, Any]:
    """The features of a `tf.train.Example`, by protocol buffers' own compiled parser."""
    from tfrecord import example_pb2

    features = example_pb2.Example.FromString(record).features.feature
    return {
        "x": features["x"].bytes_list.value[0],
        "label": features["label"].int64_list.value[0],
    }


class Decode:
    """What an example of a part becomes."""

    def __init__(self, part: str) -> None:
        self._decode = pixels if part == "pictures" else pad

    def __call__(self, example: Any) -> dict[str, Any]:
        """The arrays of an example: a record, or its columns."""
        columns = parse(example) if isinstance(example, bytes) else example
        return {"x": self._decode(columns["x"]), "label": int(columns["label"])}

    def columns(self, example: Any) -> dict[str, Any]:
        """The same of webdataset's."""
        return self({"x": example["x"], "label": example["cls"]})

    def numbers(self, example: Any) -> dict[str, Any]:
        """The same of the package `tfrecord`'s."""
        return self({"x": bytes(example["x"]), "label": example["label"][0]})

    def plain(self, record: bytes) -> dict[str, Any]:
        """A record that is a text."""
        return {"x": pad(record)}


class Binary:
    """CIFAR-10's records, picked one by one from mapped files."""

    def __init__(self, paths: list[str]) -> None:
        self._files = [np.memmap(path, np.uint8, "r").reshape(-1, 3073) for path in paths]

    def __len__(self) -> int:
        return sum(map(len, self._files))

    def __getitem__(self, place: int) -> dict[str, Any]:
        file, row = divmod(place, len(self._files[0]))
        record = self._files[file][row]
        image = record[1:].reshape(3, 32, 32).transpose(1, 2, 0)
        return {"image": np.ascontiguousarray(image), "label": int(record[0])}


class Photographs:
    """JPEG files in a folder for each class."""

    def __init__(self, paths: list[str], decoder: str) -> None:
        self._paths = paths
        self._decoder = decoder

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, place: int) -> dict[str, Any]:
        path = self._paths[place]
        return {"image": decode(self._decoder, path), "label": int(path.split("/")[-2])}


def decode(decoder: str, path: str) -> np.ndarray:
    """The pixels of a JPEG file."""
    content = Path(path).read_bytes()
    if decoder == "simplejpeg":
        import simplejpeg

        return np.asarray(simplejpeg.decode_jpeg(content, "RGB"))
    if decoder == "OpenCV":
        import cv2

        cv2.setNumThreads(1)
        return np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB))
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def from_pytorch(options: Any) -> Any:
    """A DataLoader; of TFRecord files by the package `tfrecord`."""
    import torch
    from torch.utils.data import DataLoader

    part, folder, shared = options.part, options.folder, {"num_workers": WORKERS}
    shared |= {"batch_size": options.batch, "drop_last": True}
    if part == "fixed":
        whole: Any = Binary(files_in(folder, "binary/*"))
    elif part == "jpeg":
        whole = Photographs(files_in(folder, "jpeg/*/*"), options.decoder)
    else:
        from tfrecord.torch.dataset import MultiTFRecordDataset

        names = [Path(path).name for path in files_in(folder, "tfrecord/*")]
        whole = MultiTFRecordDataset(
            f"{folder}/tfrecord/{{}}", None, {name: 1.0 / len(names) for name in names},
            {"x": "byte", "label": "int"}, BUFFER // WORKERS, Decode(part).numbers,
        )  # fmt: skip
        return DataLoader(whole, **shared)
    torch.manual_seed(SEED)
    return DataLoader(whole, shuffle=True, **shared)


def from_grain(options: Any) -> Any:
    """Grain over ArrayRecord files, which it advises: random access, any order."""
    import grain

    files = files_in(options.folder, "array_record/*")
    decoded = Decode(options.part)
    found = grain.MapDataset.source(grain.sources.ArrayRecordDataSource(files)).seed(SEED)
    found = found.shuffle().repeat()
    found = found.map(decoded.plain if options.part == "array_record" else decoded)
    iterator = found.batch(options.batch, drop_remainder=True).to_iter_dataset()
    if options.workers:
        iterator = iterator.mp_prefetch(grain.MultiprocessingOptions(num_workers=options.workers))
    return iterator


def from_webdataset(options: Any) -> Any:
    """Webdataset over tar files, with a shuffle buffer."""
    import webdataset

    files = files_in(options.folder, "tar/*")
    found = webdataset.WebDataset(files, shardshuffle=len(files), resampled=True, seed=SEED)
    found = found.shuffle(BUFFER // WORKERS).map(Decode(options.part).columns)
    found = found.batched(options.batch, partial=False)
    return webdataset.WebLoader(found, batch_size=None, num_workers=WORKERS)


def from_litdata(options: Any) -> Any:
    """Litdata over its own chunks."""
    import litdata

    decoded = Decode(options.part)
    found = litdata.StreamingDataset(
        f"{options.folder}/litdata", shuffle=True, drop_last=True, transform=decoded
    )
    return litdata.StreamingDataLoader(
        found, batch_size=options.batch, num_workers=WORKERS, drop_last=True
    )


def write_litdata(folder: Path) -> None:
    """The same examples as the TFRecord files', as litdata keeps them."""
    from litdata.streaming.writer import BinaryWriter
    from tfrecord.reader import tfrecord_loader

    if (folder / "litdata" / "index.json").exists():
        return
    writer = BinaryWriter(str(folder / "litdata"), chunk_bytes="16MB")
    number = 0
    for path in files_in(folder, "tfrecord/*"):
        for example in tfrecord_loader(path, None, {"x": "byte", "label": "int"}):
            writer[number] = {"x": bytes(example["x"]), "label": int(example["label"][0])}
            number += 1
    writer.done()
    writer.merge()


LOADERS = {
    "torch": from_pytorch,
    "grain": from_grain,
    "webdataset": from_webdataset,
    "litdata": from_litdata,
}


def main() -> None:
    """Serve rounds."""
    parser = arguments(__doc__)
    parser.add_argument("--loader", choices=LOADERS, required=True)
    parser.add_argument("--decoder", default="Pillow")
    parser.add_argument("--workers", type=int, default=WORKERS, help="of grain; 0 for threads")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.loader == "litdata":
        write_litdata(options.folder)

    def batches() -> Iterator[int]:
        loader = LOADERS[options.loader](options)
        while True:  # one epoch after another, where a loader has them
            for _ in loader:
                yield options.batch

    serve_loader(f"{options.loader} {version(options.loader)}", batches, None, options.seconds)


if __name__ == "__main__":
    main()
