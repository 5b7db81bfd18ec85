"""Records per second of CSV files that are read whole, shuffled and cut, in each epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from loading import SEED, arguments, files_in, serve_loader


def by_polars(files: list[str]) -> dict[str, np.ndarray]:
    """All columns, shuffled."""
    import polars

    frame = polars.read_csv(files).sample(fraction=1.0, shuffle=True, seed=SEED)
    return {name: frame[name].to_numpy() for name in frame.columns}


def by_pyarrow(files: list[str]) -> dict[str, np.ndarray]:
    """All columns, shuffled."""
    import pyarrow as pa
    from pyarrow import csv

    table = pa.concat_tables([csv.read_csv(path) for path in files])
    order = np.random.default_rng(SEED).permutation(len(table))
    return {name: table.column(name).to_numpy()[order] for name in table.column_names}


def main() -> None:
    """Serve rounds."""
    parser = arguments(__doc__)
    parser.add_argument("--loader", choices=("polars", "pyarrow"), required=True)
    options = parser.parse_args()
    files = files_in(options.folder, "csv/*")
    module: Any = __import__(options.loader)
    read = by_polars if options.loader == "polars" else by_pyarrow

    def batches() -> Iterator[int]:
        while True:
            columns = read(files)
            count = len(next(iter(columns.values())))
            for start in range(0, count - options.batch + 1, options.batch):
                batch = {n: column[start : start + options.batch] for n, column in columns.items()}
                yield len(next(iter(batch.values())))

    serve_loader(f"{options.loader} {module.__version__}", batches, None, options.seconds)


if __name__ == "__main__":
    main()
