"""Workers: any number and kind of them gives the same bits; dead ones are replaced or named."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from research.data import workers
from research.data.feed import open_feed
from research.data.order import shuffled_rows
from research.data.sources.arrays import ArraySource
from research.data.sources.mapped import Mapped
from research.data.stream import Share
from research.engine.experiment import Data
from research.errors import Mistake, Stopped
from tests.data import stream_functions as functions
from tests.data.children import children

ROOT = Path(__file__).parents[2]
EXAMPLES = 1200


def data(function, name: str = "as they are") -> Data:
    draw = np.random.default_rng(0)
    columns = {"x": draw.normal(size=(EXAMPLES, 6)), "y": np.arange(EXAMPLES)}
    mapped = Mapped(ArraySource("numbers", columns), function, name)
    return Data({"train": mapped, "test": mapped}, shuffled_rows(EXAMPLES, 32, "pad"))


def bytes_of(feed, start: int = 5, stop: int = 90) -> list[bytes]:
    """Every leaf of every window of some steps, and of every batch of the evaluation."""
    trees = [window.arrays for window in feed.windows(3, start, stop)]
    trees += list(feed.evaluation("test"))
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(trees)]


@pytest.fixture(scope="module")
def plain():
    with open_feed(data(functions.prepare), "streamed", workers=0) as feed:
        return bytes_of(feed)


@pytest.mark.parametrize("count", [1, 4, 9])
def test_any_number_of_threads_gives_the_same_bits(plain, count):
    with open_feed(data(functions.prepare), "streamed", workers=count) as feed:
        assert bytes_of(feed) == plain


def test_what_depends_on_its_neighbours_is_noticed():
    found = []
    for count in (0, 4):
        with open_feed(data(functions.subtract_mean), "streamed", workers=count) as feed:
            found.append(bytes_of(feed))
    assert found[0] != found[1]


def test_processes_of_a_run_read_their_shares_of_each_batch_and_nothing_else():
    whole = data(functions.prepare)
    read: list[int] = []

    class Counted(ArraySource):
        def read(self, index):
            read.extend(index)
            return super().read(index)

    numbers = whole.splits["train"].source
    counted = whole._replace(splits={"train": Counted("numbers", numbers.columns)})
    with open_feed(whole, "streamed") as feed:
        everything = [window.arrays["batches"] for window in feed.windows(3, 5, 90)]
    parts = []
    for part in range(4):
        with open_feed(counted, "streamed", workers=0, share=Share(part, 4)) as feed:
            parts.append([window.arrays["batches"]["y"] for window in feed.windows(3, 5, 90)])
    for window, *shares in zip(everything, *parts, strict=True):
        for part, share in enumerate(shares):
            own = slice(8 * part, 8 * part + 8)
            assert np.array_equal(share[:, own], window["y"][:, own])
            assert not np.delete(share, np.arange(32)[own], axis=1).any()
    assert len(read) == (90 - 5) * 32


@pytest.mark.skipif(sys.platform != "linux", reason="lists /proc")
def test_processes_give_the_same_bits_though_one_is_killed(plain):
    before, files = children(), set(Path("/dev/shm").iterdir())
    with open_feed(data(functions.prepare), "streamed", workers=1, worker_kind="processes") as feed:
        first = feed.windows(3, 5, 90)
        next(first)
        (process,) = children() - before
        os.kill(process, signal.SIGKILL)
        assert bytes_of(feed) == plain
        (replaced,) = children() - before
        assert replaced != process
        assert set(Path("/dev/shm").iterdir()) == files
    assert children() == before


def test_an_example_that_kills_its_workers_is_named(monkeypatch):
    monkeypatch.setattr(workers, "ATTEMPTS", 2)  # each is a process that takes a while to start
    content = data(functions.die_at_bad)
    with (
        open_feed(content, "streamed", workers=1, worker_kind="processes") as feed,
        pytest.raises(Stopped, match=rf"signal 11 at row {functions.BAD}\..* same command") as end,
    ):
        list(feed.windows(3, 0, EXAMPLES // 32))
    assert "numbers, as they are" in str(end.value) and str(workers.ATTEMPTS) in str(end.value)


def test_one_that_is_killed_now_and_then_is_not(monkeypatch):
    answers = iter([workers._Died(-9, None), "examples"])

    class Worker:
        def read(self, sent, index, *, singly):
            if isinstance(answer := next(answers), Exception):
                raise answer
            return answer

        def end(self):
            pass

    monkeypatch.setattr(workers, "_Worker", Worker)
    with workers.WorkerProcesses(1).of(ArraySource("some", {"x": np.ones(3)}))(np.arange(3)) as it:
        assert it == "examples"


def test_an_error_keeps_its_type_and_a_hanging_worker_is_ended_at_once():
    content = data(functions.refuse)
    with (
        open_feed(content, "streamed", workers=1, worker_kind="processes") as feed,
        pytest.raises(FileNotFoundError, match=r"picture\.png") as refusal,
    ):
        list(feed.windows(3, 0, 10))
    assert "stream_functions.py" in refusal.value.__notes__[0]
    feed = open_feed(data(functions.hang), "streamed", workers=1, worker_kind="processes")
    ended = []

    def read_on():
        with pytest.raises(RuntimeError, match="closed") as end:
            list(feed.windows(3, 0, 9))
        ended.append(end)

    reading = threading.Thread(target=read_on)
    before = children()
    reading.start()
    while not children() - before:
        time.sleep(0.01)
    began = time.monotonic()
    feed.close()
    reading.join()
    assert time.monotonic() - began < 5 and children() == before and ended


def test_what_cannot_be_sent_is_refused_and_can_be_read_in_threads():
    content = data(lambda columns: columns)
    with (
        open_feed(content, "streamed", worker_kind="processes") as feed,
        pytest.raises(Mistake, match=r"numbers, as they are cannot be sent .* threads"),
    ):
        next(feed.windows(0, 0, 1))
    with open_feed(content, "streamed") as feed:
        next(feed.windows(0, 0, 1))


class Caching(ArraySource):
    @functools.cached_property
    def opened(self):
        return threading.Lock()  # As an open file: not to be sent.


def test_a_file_is_sent_by_its_name_and_what_was_computed_is_not(tmp_path):
    path = tmp_path / "column.npy"
    np.save(path, np.arange(400_000).reshape(-1, 4))
    column = np.load(path, mmap_mode="r")[7:90_001]
    source = Caching("in a file", {"x": column, "half": column[:, :2].copy()})
    small = Caching("in a file", {"x": column})
    assert source.opened and small.opened
    sent = workers._pickle(small)
    assert len(sent) < 1000 < len(workers._pickle(source))
    came = workers.pickle.loads(sent)
    index = np.array([0, 5, 89_000])
    assert np.array_equal(came.read(index)["x"], source.read(index)["x"]) and len(came) == 89_994
    assert "opened" not in vars(came)


RUN = """
import time
import numpy as np
from research.data.sources.arrays import ArraySource
from research.data.sources.mapped import Mapped
from research.data.stream import Share
from research.data.workers import WorkerProcesses
from tests.data.stream_functions import {function}

columns = {{"x": np.zeros((1000, 3)), "y": np.arange(1000)}}
read = WorkerProcesses(1).of(Mapped(ArraySource("x", columns), {function}, "mapped"))
with read(np.arange(100)):
    print("running", flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="lists /proc")
@pytest.mark.parametrize("function", ["prepare", pytest.param("hang", marks=pytest.mark.slow)])
def test_nothing_is_left_behind_by_a_run_that_is_killed(tmp_path, function):
    process = subprocess.Popen(
        [sys.executable, "-c", RUN.format(function=function)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        text=True,
    )
    assert process.stdout is not None
    if function == "prepare":
        assert process.stdout.readline() == "running\n"
    ours = Path(f"/proc/{process.pid}/task")
    while not (found := [n for p in ours.glob("*/children") for n in p.read_text().split()]):
        time.sleep(0.01)
    (worker,) = found
    if function == "hang":
        time.sleep(10)  # Until it is in the function, which never looks up.
    used = opened(worker) | opened(str(process.pid))
    assert any("encore-worker" in path for path in used)
    process.kill()
    process.communicate()
    until = time.monotonic() + 20
    while lives(worker) and time.monotonic() < until:
        time.sleep(0.01)
    assert not lives(worker)
    assert not [path for path in used if path.startswith("/dev/shm") and Path(path).exists()]
    assert not list(tmp_path.iterdir())


def opened(process: str) -> set[str]:
    """Paths of what a process has open or mapped."""
    place = Path(f"/proc/{process}")
    found = {line.split(maxsplit=5)[-1] for line in (place / "maps").read_text().splitlines()}
    for file in (place / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed in between
            found.add(str(file.readlink()))
    return found


def test_named_memory_and_a_process_that_lives_are_noticed():
    from multiprocessing.shared_memory import SharedMemory

    memory = SharedMemory(create=True, size=100)
    try:
        (path,) = (path for path in opened(str(os.getpid())) if path.endswith(memory.name))
        assert path.startswith("/dev/shm") and Path(path).exists() and lives(str(os.getpid()))
    finally:
        memory.close()
        memory.unlink()


def lives(process: str) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


def test_numbers_that_make_no_sense_are_refused():
    for wrong in ({"workers": -1}, {"workers": 0, "worker_kind": "processes"}):
        with pytest.raises(ValueError, match="at least one"):
            open_feed(data(functions.prepare), "streamed", **wrong)
