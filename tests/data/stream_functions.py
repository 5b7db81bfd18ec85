"""Functions on the host that other processes can import, for tests of worker processes."""

from __future__ import annotations

import os
import time

import numpy as np

from research.data.columns import Columns

BAD = 777
"""The example over which `die_at_bad` ends its process."""


def prepare(columns: Columns) -> Columns:
    """Something that takes another time for each example, so that workers end in any order."""
    time.sleep(1e-5 * float(columns["y"][0] % 97))
    return {**columns, "x": np.tanh(columns["x"])}


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
