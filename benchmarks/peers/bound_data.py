"""What the libraries alone can do that loaders rest on: ArrayRecord's reader, decoders of JPEG."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import numpy as np
from loading import SEED, arguments, files_in, serve_loader
from python_data import WORKERS, decode

CALL = 1024
"""Records that ArrayRecord's reader is asked for at once."""


def main() -> None:
    """Serve rounds."""
    parser = arguments(__doc__)
    parser.add_argument("--library", required=True)
    options = parser.parse_args()
    random = np.random.default_rng(SEED)

    def records() -> Iterator[int]:
        from array_record.python.array_record_module import ArrayRecordReader

        files = files_in(options.folder, "array_record/*")
        readers = [ArrayRecordReader(path) for path in files]
        while True:
            for reader in readers:
                rows = np.sort(random.integers(0, reader.num_records(), CALL))
                yield len(reader.read(rows.tolist()))

    def pictures() -> Iterator[int]:
        files = files_in(options.folder, "jpeg/*/*")
        with ThreadPoolExecutor(WORKERS) as pool:
            while True:
                some = [files[place] for place in random.integers(0, len(files), 64)]
                yield len(list(pool.map(lambda path: decode(options.library, path), some)))

    package = {"OpenCV": "opencv-python-headless"}.get(options.library, options.library)
    begin = records if options.part == "array_record" else pictures
    serve_loader(f"{options.library} {version(package)}", begin, None, options.seconds)


if __name__ == "__main__":
    main()
