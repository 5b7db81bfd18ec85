"""Records per second of tf.data, as its guide to performance has it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import tensorflow as tf
from loading import BUFFER, LONGEST, SEED, SIDE, arguments, files_in, serve_loader

AUTO = tf.data.AUTOTUNE


def main() -> None:
    """Serve rounds."""
    parser = arguments(__doc__)
    parser.add_argument("--cached", action="store_true", help="in memory after the first epoch")
    options = parser.parse_args()
    part, folder, batch = options.part, options.folder, options.batch

    def records(kind: str) -> Any:
        files = files_in(folder, f"{kind}/*")
        if kind == "binary":
            found = tf.data.FixedLengthRecordDataset(files, 3073, num_parallel_reads=2)
        else:
            found = tf.data.TFRecordDataset(files, num_parallel_reads=2)
        if options.cached:
            # Parsed before, since that is what is kept.
            found = found.batch(batch).map(parse, AUTO).unbatch().cache()
            return found.shuffle(BUFFER, SEED).repeat().batch(batch, drop_remainder=True)
        found = found.shuffle(BUFFER, SEED).repeat().batch(batch, drop_remainder=True)
        return found.map(parse, AUTO)

    def parse(some: Any) -> Any:
        if part == "fixed":
            numbers = tf.io.decode_raw(some, tf.uint8)
            planes = tf.reshape(numbers[:, 1:], (-1, 3, 32, 32))
            return {"label": numbers[:, 0], "image": tf.transpose(planes, (0, 2, 3, 1))}
        kinds = {"x": tf.io.FixedLenFeature([], tf.string)}
        kinds["label"] = tf.io.FixedLenFeature([], tf.int64)
        found = tf.io.parse_example(some, kinds)
        if part == "texts":
            found["x"] = tf.io.decode_raw(found["x"], tf.uint8, fixed_length=LONGEST)
        else:
            found["x"] = tf.reshape(tf.io.decode_raw(found["x"], tf.uint8), (-1, 28, 28, 1))
        return found

    def read_jpeg(path: Any, label: Any) -> dict[str, Any]:
        pixels = tf.io.decode_jpeg(tf.io.read_file(path), channels=3, dct_method="INTEGER_ACCURATE")
        return {"image": tf.ensure_shape(pixels, (SIDE, SIDE, 3)), "label": label}

    def opened(skipped: int) -> Any:
        tf.random.set_seed(SEED)
        if part == "csv":
            found = tf.data.experimental.make_csv_dataset(
                f"{folder}/csv/*.csv", batch, num_epochs=None, shuffle=True,
                shuffle_buffer_size=BUFFER, num_parallel_reads=2, prefetch_buffer_size=0,
            )  # fmt: skip
        elif part == "jpeg":
            files = files_in(folder, "jpeg/*/*.jpg")
            labels = [int(path.split("/")[-2]) for path in files]
            found = tf.data.Dataset.from_tensor_slices((files, labels)).shuffle(len(files), SEED)
            found = found.repeat().map(read_jpeg, AUTO).batch(batch, drop_remainder=True)
        else:
            found = records("binary" if part == "fixed" else "tfrecord")
        return found.skip(skipped).prefetch(AUTO)

    def batches(skipped: int) -> Iterator[int]:
        for _ in opened(skipped).as_numpy_iterator():
            yield batch

    serve_loader(
        f"TensorFlow {tf.__version__}",
        lambda: batches(0),
        lambda: batches(options.records // batch // 2),
        options.seconds,
    )


if __name__ == "__main__":
    main()
