"""Runs of a model by rows: batches of any size, memory carried, and text that follows itself."""

import numpy as np
import pytest

from research.export.elsewhere import RefuseEncore, run_rows

CARRIED = {"memory": np.zeros((1, 2), np.float32)}


def remember(inputs):
    """A model that adds up what it was given."""
    memory = inputs["memory"] + inputs["token"][:, None]
    return {"logits": np.concatenate([-memory, memory - 3], axis=1), "memory": memory}


@pytest.mark.parametrize("size", [1, 7, 32])
def test_rows_come_back_whole_and_in_order_whatever_the_size(size):
    rows = np.arange(30, dtype=np.float32).reshape(10, 3)
    sizes, done = [], []

    def double(inputs):
        sizes.append(len(inputs["x"]))
        return {"y": 2 * inputs["x"]}

    made = run_rows(double, {"x": rows}, size, {}, tell=done.append)
    np.testing.assert_array_equal(made["y"], 2 * rows)
    assert max(sizes) == min(size, 10) and sum(sizes) == 10 and done[-1] == 10


@pytest.mark.parametrize("size", [1, 2, 5])
def test_memory_is_carried_from_step_to_step_and_begins_with_0(size):
    token = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    made = run_rows(remember, {"token": token}, size, CARRIED)
    sums = np.cumsum(token, axis=1)
    np.testing.assert_allclose(made["logits"][..., 0], -sums, rtol=1e-5)
    np.testing.assert_allclose(made["memory"][:, 0], sums[:, -1], rtol=1e-5)
    # The control: without the axis of time there is nothing to be carried over.
    assert made["logits"].shape == (5, 4, 4)


def test_the_likeliest_token_follows_once_the_prompt_is_used_up():
    prompt = np.array([[1, 1], [0, 1]], np.int32)
    made = run_rows(remember, {"token": prompt}, 2, CARRIED, ("logits", "token"), 6)
    for row, tokens in enumerate(prompt):
        total, expected = 0.0, []
        given = list(tokens)
        for place in range(6):
            total += given[place]
            expected.append([-total, -total, total - 3, total - 3])
            if place + 1 >= len(tokens):
                given.append(int(np.argmax(expected[-1])))
        np.testing.assert_allclose(made["logits"][row], expected)
    assert len({tuple(row.argmax(axis=-1)) for row in made["logits"]}) == 2


def test_encore_is_refused_and_nothing_else():
    for name in ("research", "research.errors", "experiments.vision"):
        with pytest.raises(ModuleNotFoundError, match="is Encore's"):
            RefuseEncore().find_spec(name)
    assert RefuseEncore().find_spec("researcher") is None
