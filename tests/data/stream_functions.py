"""Functions on the host and a source that other processes can import, for tests of workers."""

from __future__ import annotations

import os
import time

import numpy as np

from research.data.columns import Columns
from research.data.sources.drawing import generator_of

SIDE = 128
"""Of the pictures of `Made`, in pixels."""
BAD = 777
"""The example over which `die_at_bad` ends its process."""


def prepare(columns: Columns) -> Columns:
    """Something that takes another time for each example, so that workers end in any order."""
    time.sleep(1e-5 * float(columns["y"][0] % 97))
    return {**columns, "x": np.tanh(columns["x"])}


def shift_at_random(columns: Columns, keys: np.ndarray) -> Columns:
    """A number that is drawn for each example, in another way each time that it is read."""
    time.sleep(1e-5 * float(columns["y"][0] % 97))
    drawn = np.array([generator_of(key).normal() for key in keys], np.float32)
    return {**columns, "drawn": drawn.reshape(len(keys))}


def is_kept(columns: Columns) -> np.ndarray:
    return columns["y"] % 7 != 3


def subtract_mean(columns: Columns) -> Columns:
    """What must not be: it depends on which examples are read together."""
    return {**columns, "x": columns["x"] - columns["x"].mean()}


def die_at_bad(columns: Columns) -> Columns:
    """End this process as a crash in a decoder does."""
    if BAD in columns["y"]:
        os.kill(os.getpid(), 11)
    return columns


def refuse(columns: Columns) -> Columns:
    raise FileNotFoundError(2, "No such file", "picture.png")


def hang(columns: Columns) -> Columns:
    while True:
        pass


class Made:
    """Pictures that are made as they are read: all pixels of row k are k mod 251."""

    name = "made"

    def __init__(self, examples: int) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return self.examples

    def load(self) -> Columns:
        return self.read(np.arange(self.examples))

    def read(self, index: np.ndarray) -> Columns:
        pixels = np.empty((len(index), SIDE, SIDE), np.uint8)
        pixels[:] = (index % 251).astype(np.uint8)[:, None, None]
        return {"image": pixels}

    def digest(self) -> str:
        return "made"
