"""Batching: what waits together is computed together, each gets its own, and nothing is lost."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from research.serving.batching import Batcher
from research.serving.bodies import Refused, Rows

BLOCK = 4


class Held:
    """Doubles what it is given, once it may; keeps how many rows came together."""

    def __init__(self):
        self.free = threading.Event()
        self.begun = threading.Event()
        self.blocks = []

    def __call__(self, arrays):
        self.blocks.append(len(arrays["x"]))
        self.begun.set()
        assert self.free.wait(30)
        if -1 in arrays["x"]:
            raise ArithmeticError("it fails")
        return {"y": 2 * arrays["x"]}


def rows(*values):
    return Rows({"x": np.float32(values)}, len(values))


def run(scenario, *, most=100, wait=0.0):
    """A scenario, (batcher, held) -> coroutine, to its end."""
    held, watched = Held(), []

    async def whole():
        batcher = Batcher(held, BLOCK, most, wait, watched.append)
        try:
            await scenario(batcher, held)
        finally:
            held.free.set()
            await asyncio.to_thread(batcher.close)
        assert watched == held.blocks

    asyncio.run(asyncio.wait_for(whole(), 30))


async def first(batcher, held):
    """A request that is being computed, so that others wait."""
    task = asyncio.create_task(batcher.answer(rows(100)))
    assert await asyncio.to_thread(held.begun.wait, 30)
    return task


def test_those_who_wait_share_a_block_and_each_gets_its_own():
    async def scenario(batcher, held):
        begun = await first(batcher, held)
        sizes = (1, 2, 1, 3, 6, 1)
        asked = [rows(*(10 * number + k for k in range(size))) for number, size in enumerate(sizes)]
        tasks = [asyncio.create_task(batcher.answer(each)) for each in asked]
        await asyncio.sleep(0)
        assert len(batcher) == len(sizes)
        held.free.set()
        for task, each in zip(tasks, asked, strict=True):
            assert (await task)["y"].tolist() == (2 * each.arrays["x"]).tolist()
        assert (await begun)["y"].tolist() == [200]
        # A request is never cut, and one of more rows than a block goes by itself.
        assert held.blocks == [1, 4, 3, 6, 1]

    run(scenario)


def test_a_lone_request_gives_others_a_moment_to_come():
    async def scenario(batcher, held):
        held.free.set()
        tasks = [asyncio.create_task(batcher.answer(rows(n))) for n in range(BLOCK)]
        await asyncio.gather(*tasks)
        assert held.blocks == [BLOCK]

    # So long that the test would fail by its own limit if a full block waited, too.
    run(scenario, wait=60)


def test_too_many_are_refused_and_the_others_answered():
    async def scenario(batcher, held):
        begun = await first(batcher, held)
        tasks = [asyncio.create_task(batcher.answer(rows(n))) for n in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Refused, match="the queue is full, 2 long"):
            await batcher.answer(rows(3))
        held.free.set()
        assert [(await task)["y"].tolist() for task in (begun, *tasks)] == [[200], [0], [2]]

    run(scenario, most=2)


def test_nothing_is_computed_for_those_who_went():
    async def scenario(batcher, held):
        begun = await first(batcher, held)
        gone = asyncio.create_task(batcher.answer(rows(1)))
        stays = asyncio.create_task(batcher.answer(rows(2, 3)))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        held.free.set()
        assert (await stays)["y"].tolist() == [4, 6]
        await begun
        assert held.blocks == [1, 2]

    run(scenario)


def test_an_error_reaches_those_of_its_block_and_the_next_are_answered():
    async def scenario(batcher, held):
        held.free.set()
        with pytest.raises(ArithmeticError, match="it fails"):
            await batcher.answer(rows(-1))
        assert (await batcher.answer(rows(5)))["y"].tolist() == [10]

    run(scenario)


def test_closing_answers_what_waits_and_refuses_the_next():
    async def scenario(batcher, held):
        begun = await first(batcher, held)
        waits = asyncio.create_task(batcher.answer(rows(7)))
        await asyncio.sleep(0)
        closing = asyncio.create_task(asyncio.to_thread(batcher.close))
        while not batcher._closed:
            await asyncio.sleep(0.001)
        with pytest.raises(Refused, match="the service stops"):
            await batcher.answer(rows(8))
        held.free.set()
        await closing
        assert (await waits)["y"].tolist() == [14]
        assert (await begun)["y"].tolist() == [200]

    run(scenario)
