"""Characters or series per second of Keras: `fit` on arrays in memory. KERAS_BACKEND names it."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from keras import layers
from serving import sequence_arguments, serve

BATCH = 32


def main() -> None:
    """Serve rounds."""
    options = sequence_arguments(__doc__ or "").parse_args()
    rng = np.random.default_rng(0)
    if options.net == "characters":
        net = keras.Sequential(
            [
                keras.Input((100, 39)),
                layers.GRU(128, return_sequences=True),
                layers.GRU(128, return_sequences=True),
                layers.Dense(39, activation="softmax"),
            ]
        )
        loss, items = "sparse_categorical_crossentropy", BATCH * 100
        text = rng.integers(0, 39, (2000, 101))
        given, wanted = np.eye(39, dtype=np.float32)[text[:, :-1]], text[:, 1:]
    else:
        kind = layers.LSTM if options.net == "lstm" else layers.SimpleRNN
        net = keras.Sequential(
            [
                keras.Input((50, 1)),
                kind(20, return_sequences=True),
                kind(20, return_sequences=True),
                layers.Dense(10),
            ]
        )
        loss, items = "mse", BATCH
        given = rng.normal(size=(7000, 50, 1)).astype(np.float32)
        wanted = rng.normal(size=(7000, 50, 10)).astype(np.float32)
    net.compile(loss=loss, optimizer=keras.optimizers.Adam(1e-3, global_clipnorm=1.0))

    def run(steps: int) -> None:
        rows = rng.integers(0, len(given), steps * BATCH)
        net.fit(given[rows], wanted[rows], batch_size=BATCH, verbose=0)

    what = f"Keras {keras.__version__}, {keras.backend.backend()}"
    serve(what, run, items, options.seconds)


if __name__ == "__main__":
    main()
