"""What every predictor promises: bits of a row are its own, and memory is carried."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.engine import keys
from research.engine.experiment import State, traced
from research.options.catalog import catalog, load
from research.prediction import (
    ROWS,
    Actions,
    Carried,
    Predictor,
    Tokens,
    at_first,
    by_rows,
    over_time,
)
from tests.reproducibility.conftest import opened_or_skipped

LETTERS = {"vocabulary": {"symbols": "\n abcdefghijklmnopqrstuvwxyz", "lower": True}}


def of_name(name: str) -> Any:
    return load(next(entry for entry in catalog() if entry.name == name))


def begun(name: str) -> tuple[Predictor, State]:
    """The predictor of an experiment at its full size, and a state that has learned nothing.

    Its numbers are moved a little: a head that begins at 0 has one answer to everything.
    """
    named = of_name(name)
    if name.startswith("sequence/char"):
        experiment = named.make(named.config, LETTERS)
    else:
        experiment = named.make(named.config)
    values = traced(experiment.hyperparameters)
    state = jax.jit(experiment.init)(keys.stream(0, "init"), values)
    chance = np.random.default_rng(2)

    def move(leaf: jax.Array) -> jax.Array:
        floats = jnp.issubdtype(leaf.dtype, jnp.floating)
        return leaf + chance.uniform(-0.05, 0.05, leaf.shape).astype(leaf.dtype) if floats else leaf

    return experiment.offers["predict"], jax.tree.map(move, state)


def drawn(predictor: Predictor, count: int) -> dict[str, np.ndarray]:
    """Inputs of no meaning."""
    chance = np.random.default_rng(0)
    return {
        name: (
            chance.normal(size=(count, *one.shape[1:])).astype(one.dtype)
            if np.issubdtype(one.dtype, np.floating)
            else chance.integers(0, 16, (count, *one.shape[1:])).astype(one.dtype)
        )
        for name, one in predictor.examples.items()
    }


def bits(outputs: Any, rows: Any = slice(None)) -> dict[str, bytes]:
    return {name: np.ascontiguousarray(array[rows]).tobytes() for name, array in outputs.items()}


def take(inputs: Any, rows: Any) -> dict[str, np.ndarray]:
    return {name: array[rows] for name, array in inputs.items()}


FAST = ("vision/digits_cnn", "sequence/char_rnn_stateful", "rl/cartpole_ppo")
SLOW = ("vision/mnist_mlp", "vision/fashion_mnist_small", "sequence/gru_ten_steps",
        "sequence/lstm_ten_steps", "rl/breakout_ppo", "rl/pendulum_sac",
        "rl/memory_chain_recurrent_ppo", "rl/frozen_lake_muzero", "sequence/dates_attention",
        "sequence/char_lstm_large", "sequence/char_transformer_small", "generative/stacked",
        "sequence/translate_luong",
        "sequence/translate_transformer", "sequence/bach_chorales")  # fmt: skip


@pytest.mark.parametrize(
    "name", [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
)
def test_a_rows_bits_depend_neither_on_its_place_nor_on_the_rows_beside_it(name):
    predictor, state = begun(name)
    predict, rows = by_rows(predictor), drawn(predictor, ROWS + 8)
    whole = predict(state, rows)
    assert all(len(array) == ROWS + 8 for array in whole.values())
    order = np.random.default_rng(1).permutation(ROWS + 8)
    assert bits(predict(state, take(rows, order))) == bits(whole, order)
    for some in ([0], [ROWS - 1], [ROWS, 3, 3], np.arange(5, ROWS + 6)):
        assert bits(predict(state, take(rows, some))) == bits(whole, some)
    # The control: the outputs are not the same for all rows.
    assert bits(whole, order) != bits(whole)


def test_a_row_is_computed_alone_though_a_model_would_mix_the_rows_of_a_batch():
    def apply(state, inputs):
        return {"mean": inputs["x"] + jnp.mean(inputs["x"])}

    examples = {"x": jax.ShapeDtypeStruct((1,), jnp.float32)}
    mixed = Predictor(apply, examples, Actions(""), None, lambda word: None, "")
    rows = drawn(mixed, ROWS + 1)
    predicted, alone = by_rows(mixed)({}, rows)["mean"], 2 * rows["x"]
    np.testing.assert_array_equal(predicted, alone)
    # The control: as a batch it does mix them.
    assert not np.array_equal(apply({}, rows)["mean"], alone)


class Both(NamedTuple):
    """A memory."""

    seen: jax.Array
    sums: tuple[jax.Array, jax.Array]


def test_a_memory_is_carried_by_its_names_and_begins_with_nothing():
    carried = Carried.of("memory", Both(jnp.int32(0), (jnp.zeros(2), jnp.zeros((1, 3)))))
    assert list(carried.shapes) == ["memory_seen", "memory_sums_0", "memory_sums_1"]

    def apply(state, inputs):
        memory: Both = carried.join(inputs)
        after = Both(memory.seen + 1, (memory.sums[0] + inputs["x"][:, None], memory.sums[1]))
        return {"mean": after.sums[0] * state, **carried.split(after)}

    examples = {"x": jax.ShapeDtypeStruct((1,), jnp.float32), **carried.shapes}
    adding = Predictor(
        apply, examples, Tokens(()), None, lambda word: None, "", carried=carried.shapes
    )
    assert at_first(adding, 5)["memory_sums_1"].shape == (5, 1, 3)
    rows = {"x": np.arange(12, dtype=np.float32).reshape(3, 4)}
    steps = [*over_time(adding, by_rows(adding))(jnp.float32(2.0), rows)]
    found = np.stack([step["mean"][:, 0] for step in steps], axis=1)
    np.testing.assert_array_equal(found, 2 * rows["x"].cumsum(axis=1))
    assert steps[-1]["memory_seen"].tolist() == [4, 4, 4]
    assert not Carried.of("memory", None).shapes


@pytest.mark.parametrize(
    "name",
    [
        *("rl/cartpole_ppo", "sequence/char_rnn_stateful"),
        *(pytest.param(entry.name, marks=pytest.mark.slow) for entry in catalog()),
    ],
)
def test_it_is_traced_once_for_any_number_of_rows(name):
    named = of_name(name)
    with opened_or_skipped(named, named.config.smoke()) as opened:
        experiment = opened.experiment
        predictor = experiment.offers.get("predict")
        if not isinstance(predictor, Predictor):
            pytest.skip("it predicts nothing, or with the state of another run")
        values = traced(experiment.hyperparameters)
        state = jax.eval_shape(experiment.init, keys.stream(0, "init"), values)
        (rows,) = jax.export.symbolic_shape("rows")
        inputs = {
            name: jax.ShapeDtypeStruct((rows, *one.shape[1:]), one.dtype)
            for name, one in predictor.examples.items()
        }
        outputs = jax.eval_shape(predictor.apply, state, inputs)
        assert all(one.shape[0] == rows for one in outputs.values())
        for name, one in predictor.carried.items():
            after = outputs[name]
            assert (after.shape[1:], after.dtype) == (one.shape[1:], one.dtype), name
            assert predictor.examples[name] == one
        exported = jax.export.export(jax.jit(predictor.apply))(state, inputs)
        assert exported.in_avals[-1].shape[0] == rows
