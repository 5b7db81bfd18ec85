"""Images per second of Keras: `fit` on arrays in memory. KERAS_BACKEND names its backend."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from keras import layers
from serving import image_arguments, serve


def main() -> None:
    """Serve rounds."""
    options = image_arguments(__doc__ or "").parse_args()
    convolution = {"padding": "same", "activation": "relu", "kernel_initializer": "he_normal"}
    dense = {"activation": "relu", "kernel_initializer": "he_normal"}
    net = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(64, 7, **convolution),
            layers.MaxPool2D(),
            layers.Conv2D(128, 3, **convolution),
            layers.Conv2D(128, 3, **convolution),
            layers.MaxPool2D(),
            layers.Conv2D(256, 3, **convolution),
            layers.Conv2D(256, 3, **convolution),
            layers.MaxPool2D(),
            layers.Flatten(),
            layers.Dense(128, **dense),
            layers.Dropout(0.25),
            layers.Dense(64, **dense),
            layers.Dropout(0.25),
            layers.Dense(10, activation="softmax"),
        ]
    )
    net.compile(loss="sparse_categorical_crossentropy", optimizer=keras.optimizers.Nadam(1e-3))
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6400, 28, 28, 1)).astype(np.uint8)
    labels = rng.integers(0, 10, 6400).astype(np.int32)

    def run(steps: int) -> None:
        rows = rng.integers(0, len(images), steps * options.batch)
        net.fit(images[rows], labels[rows], batch_size=options.batch, verbose=0)

    serve(
        f"Keras {keras.__version__}, {keras.backend.backend()}", run, options.batch, options.seconds
    )


if __name__ == "__main__":
    main()
