"""Ctrl-C in the middle of streaming: the process ends at once, though nobody closes the feed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import time
import numpy as np
from research.data.sources.arrays import ArraySource
from research.data.feed import open_feed
from research.data.order import shuffled_rows
from research.engine.experiment import Data

class Slow(ArraySource):
    def read(self, index):
        print("read", flush=True)
        time.sleep(0.2)
        return super().read(index)

slow = Slow("slow", {"x": np.zeros((1000, 3), np.float32)})
feed = open_feed(Data({"train": slow}, shuffled_rows(1000, 4)), "streamed", window_steps=4)
for window in feed.windows(0, 0, 1000):
    print("running", flush=True)
"""


def test_the_first_interrupt_ends_the_process():
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while process.stdout.readline() != "running\n":
        pass
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=300)
    assert "KeyboardInterrupt" in errors and process.returncode != 0
    # What is read ahead is a dozen reads by two threads, of a thousand that there are.
    assert out.count("read") < 100
