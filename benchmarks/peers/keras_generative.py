"""Images per second of Keras: a stacked autoencoder by `fit`. KERAS_BACKEND names its backend."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from keras import layers
from serving import generative_arguments, serve


def main() -> None:
    """Serve rounds."""
    options = generative_arguments(__doc__ or "").parse_args()
    net = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(100, activation="selu"),
            layers.Dense(30, activation="selu"),
            layers.Dense(100, activation="selu"),
            layers.Dense(784, activation="sigmoid"),
        ]
    )
    net.compile(loss="binary_crossentropy", optimizer=keras.optimizers.SGD(1.5))
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6400, 28, 28, 1)).astype(np.uint8)
    targets = images.reshape(len(images), -1).astype(np.float32) / 255

    def run(steps: int) -> None:
        rows = rng.integers(0, len(images), steps * options.batch)
        net.fit(images[rows], targets[rows], batch_size=options.batch, verbose=0)

    serve(
        f"Keras {keras.__version__}, {keras.backend.backend()}", run, options.batch, options.seconds
    )


if __name__ == "__main__":
    main()
