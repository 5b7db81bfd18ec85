"""Records per second of Encore's own pipeline: files, workers, windows of batches on the device.

A first use makes the index of the files, which decodes everything once; ENCORE_CACHE_DIR is empty
then. `--cached` reads from the arrays that `load` keeps.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.peers.loading import LONGEST, SEED, SIDE, arguments, serve_loader
from research.engine.environment import settle_environment

STEPS = 10**9


def pad(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Texts of varying length as uint8 `[n, longest]`, with zeros behind them."""
    name = "x" if "x" in columns else "record"
    texts = np.array(columns.pop(name).tolist(), f"S{LONGEST}")
    return columns | {name: texts.view(np.uint8).reshape(len(texts), -1)}


def main() -> None:
    """Serve rounds."""
    parser = arguments(__doc__)
    parser.add_argument("--cached", action="store_true")
    options = parser.parse_args()
    settle_environment()

    import jax

    from research.data.columns import Form
    from research.data.feed import open_feed
    from research.data.file_sets.files import Files
    from research.data.formats.array_records import ArrayRecord
    from research.data.formats.csv_files import CSV
    from research.data.formats.fixed import CIFAR10
    from research.data.formats.pictures import Pictures, classes_in
    from research.data.formats.tfrecord import TFRecord
    from research.data.order import shuffled_rows, steps_per_epoch
    from research.data.sources.mapped import Mapped
    from research.engine import compilation_cache
    from research.engine.experiment import Data, Source

    compilation_cache.enable(print)  # as a launched run does
    image = {"x": Form(np.uint8, (28, 28, 1)), "label": Form(np.int64, ())}

    def opened() -> Source:
        folder = options.folder
        if options.part == "texts":
            source: Source = Files(f"{folder}/tfrecord/*", TFRecord())
        elif options.part == "pictures":
            source = Files(f"{folder}/tfrecord/*", TFRecord(image))
        elif options.part == "fixed":
            source = Files(f"{folder}/binary/*", CIFAR10)
        elif options.part == "csv":
            source = Files(f"{folder}/csv/*", CSV())
        elif options.part == "array_record":
            source = Files(f"{folder}/array_record/*", ArrayRecord(content="bytes"))
        else:
            pictures = Pictures(classes_in(f"{folder}/jpeg"), (SIDE, SIDE, 3))
            source = Files(f"{folder}/jpeg/*/*.jpg", pictures)
        if options.cached:
            source.load()
        return (
            Mapped(source, pad, "padded") if options.part in ("texts", "array_record") else source
        )

    def batches(epochs: float) -> Iterator[int]:
        source = opened()
        steps = steps_per_epoch(len(source), options.batch)
        start = int(epochs * steps)
        rows = shuffled_rows(len(source), options.batch)
        with open_feed(Data({"train": source}, rows), "streamed") as feed:
            for window in feed.windows(SEED, start, STEPS):
                yield (window.stop - window.start) * options.batch

    serve_loader(
        f"Encore, JAX {jax.__version__}",
        lambda: batches(0.0),
        lambda: batches(0.5),
        options.seconds,
    )


if __name__ == "__main__":
    main()
