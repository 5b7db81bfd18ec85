"""The forecaster: memory carried and wiped, gradients that end at a window, honest figures."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.engine.keys import at_step, stream
from research.engine.metrics import read
from research.options.config import make_experiment
from research.sequence.forecasts.series import NOISE_VARIANCE
from research.sequence.forecasts.stream_forecasting import (
    Forecaster,
    StreamForecasting,
    forecast,
    init_forecaster,
    measure_forecasts,
    window_loss,
)

pytestmark = pytest.mark.usefixtures("plainly_compiled")

UNITS = 6
CONFIG = StreamForecasting(
    steps=30, streams=4, groups=1, window=10, windows=5, units=UNITS, held_out_series=8
)


def _traced(**changes):
    values = {"learning_rate": 0.01, "gradient_norm": 1.0} | changes
    return {name: jnp.float32(value) for name, value in values.items()}


@pytest.fixture(scope="module")
def experiment():
    return make_experiment(CONFIG)


@pytest.fixture(scope="module")
def batch_at(experiment):
    generate = jax.jit(experiment.data.generate)
    return lambda step: generate(stream(0, "data"), jnp.int32(step))


@pytest.fixture(scope="module")
def params():
    params = jax.jit(lambda key: init_forecaster(key, UNITS))(jax.random.key(1))
    return params._replace(readout_kernel=jnp.linspace(-1.0, 1.0, UNITS))


def test_memory_goes_through_a_series_and_no_further(batch_at, params):
    """Stream 0 over seven windows, the first five of them one series: the memory after the fifth
    is that of one pass over the whole series, and after the seventh that of a fresh start.
    """
    run = jax.jit(window_loss)
    hidden = jnp.full((4, UNITS), 0.9)  # what is there before a series must not matter to it
    values, memory = [], []
    for step in range(7):
        batch = batch_at(step)
        _, hidden = run(params, batch, hidden)
        values.append(np.asarray(batch["inputs"][0]))
        memory.append(np.asarray(hidden[0]))

    def after(values, hidden):
        return np.asarray(forecast(params, np.concatenate(values)[None], hidden[None])[1][0])

    fresh = np.zeros(UNITS, np.float32)
    np.testing.assert_allclose(memory[4], after(values[:5], fresh), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(memory[6], after(values[5:], fresh), rtol=1e-5, atol=1e-6)
    # Controls: forgetting within a series, or remembering beyond it, gives another memory.
    assert np.abs(memory[1] - after(values[1:2], fresh)).max() > 1e-4
    assert np.abs(memory[5] - after(values[5:6], memory[4])).max() > 1e-4


def test_loss_is_the_mean_squared_error_of_the_forecasts(batch_at, params):
    batch = batch_at(5)
    hidden = jax.random.normal(jax.random.key(2), (4, UNITS))
    before = jnp.where(batch["starts"][:, None], 0, hidden)
    assert bool(batch["starts"].any())
    forecasts, _ = forecast(params, batch["inputs"], before)
    expected = np.mean((np.asarray(forecasts) - np.asarray(batch["targets"])) ** 2)
    np.testing.assert_allclose(window_loss(params, batch, hidden)[0], expected, rtol=1e-5)


def test_gradients_end_at_a_windows_start(batch_at, params):
    """The sum of the two windows' gradients is that of both windows in one function with
    `stop_gradient` between them; without it (control) it is another.
    """
    first, second = batch_at(1), batch_at(2)
    zero = jnp.zeros((4, UNITS))
    gradient = jax.jit(jax.grad(window_loss, has_aux=True))
    one, hidden = gradient(params, first, zero)
    two, _ = gradient(params, second, hidden)
    ours = jax.tree.map(jnp.add, one, two)

    def both(params, between):
        loss, hidden = window_loss(params, first, zero)
        return loss + window_loss(params, second, between(hidden))[0]

    cut = jax.jit(jax.grad(partial(both, between=jax.lax.stop_gradient)))(params)
    uncut = jax.jit(jax.grad(partial(both, between=lambda hidden: hidden)))(params)
    for left, right in zip(jax.tree.leaves(ours), jax.tree.leaves(cut), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-6)
    farthest = max(
        float(jnp.abs(left - right).max())
        for left, right in zip(*map(jax.tree.leaves, (ours.gru, uncut.gru)), strict=True)
    )
    assert farthest > 1e-3


def test_update_carries_the_state_and_keeps_its_types(experiment, batch_at):
    state = jax.jit(experiment.init)(stream(0, "init"), _traced())
    after, metrics = jax.jit(experiment.update)(state, batch_at(1), jax.random.key(0))
    kinds = [
        jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype), leaf.weak_type), tree)
        for tree in (state, after)
    ]
    assert kinds[0] == kinds[1]
    loss, hidden = window_loss(state.params, batch_at(1), state.hidden)
    np.testing.assert_allclose(after.hidden, hidden, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(read(metrics)["loss"], loss, rtol=1e-5)


def test_groups_of_streams_learn_what_all_together_do(experiment, batch_at):
    """Up to rounding; each stream's memory stays its own (two exchanged are another state)."""
    grouped = make_experiment(replace(CONFIG, groups=2))
    state = jax.jit(experiment.init)(stream(0, "init"), _traced())
    state = state._replace(hidden=jax.random.normal(jax.random.key(3), state.hidden.shape))
    (whole, seen), (parts, also) = (
        jax.jit(one.update)(state, batch_at(1), jax.random.key(0)) for one in (experiment, grouped)
    )
    np.testing.assert_allclose(whole.hidden, parts.hidden, rtol=1e-5, atol=1e-6)
    assert np.abs(whole.hidden - parts.hidden[::-1]).max() > 1e-2
    for left, right in zip(
        jax.tree.leaves(whole.params), jax.tree.leaves(parts.params), strict=True
    ):
        np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-5)
    assert read(seen)["loss"] == pytest.approx(read(also)["loss"], rel=1e-5)
    assert grouped.groups == 2


def test_hyperparameters_are_read_from_the_state(experiment, batch_at):
    init, update = jax.jit(experiment.init), jax.jit(experiment.update)
    still = init(stream(0, "init"), _traced(learning_rate=0.0))
    after, _ = update(still, batch_at(1), jax.random.key(0))
    jax.tree.map(np.testing.assert_array_equal, still.params, after.params)
    assert not np.array_equal(still.hidden, after.hidden)
    moving, _ = update(init(stream(0, "init"), _traced()), batch_at(1), jax.random.key(0))
    assert not np.array_equal(moving.params.readout_kernel, still.params.readout_kernel)


def test_nan_shows(experiment, batch_at):
    state = jax.jit(experiment.init)(stream(0, "init"), _traced())
    state = state._replace(hidden=state.hidden.at[3, 0].set(jnp.nan))
    _, metrics = jax.jit(experiment.update)(state, batch_at(3), jax.random.key(0))
    assert np.isnan(read(metrics)["loss"])


def test_measured_against_numpy(experiment, params):
    """Every figure from its definition; a padded row, whatever it holds, counts for nothing."""
    columns = experiment.data.splits["test"].load()
    weight = np.ones(8, np.float32)
    weight[5] = 0
    batch = {name: column.copy() for name, column in columns.items()} | {"weight": weight}
    batch["series"][5] = 1e3
    figures = read(jax.jit(partial(measure_forecasts, window=10))(params, batch))

    rows = weight == 1
    series = columns["series"][rows].astype(np.float64)
    targets = series[:, 11:]
    whole = np.asarray(forecast(params, columns["series"][rows][:, :-1], jnp.zeros((7, UNITS)))[0])
    pieces = [
        forecast(params, columns["series"][rows][:, at : at + 10], jnp.zeros((7, UNITS)))[0]
        for at in range(10, 50, 10)
    ]
    expected = {
        "mse": np.mean((whole[:, 10:] - targets) ** 2),
        "forgetful_mse": np.mean((np.concatenate(pieces, 1) - targets) ** 2),
        "naive_mse": np.mean((series[:, 10:-1] - targets) ** 2),
        "noise_mse": np.mean((columns["clean"][rows][:, 11:] - targets) ** 2),
    }
    assert figures.keys() == expected.keys()
    for name, figure in expected.items():
        np.testing.assert_allclose(figures[name], figure, rtol=1e-4, err_msg=name)
    assert figures["mse"] != figures["forgetful_mse"]


def test_learns_beyond_the_naive_forecast_and_never_below_the_noise():
    """300 small updates: better than saying "as now", not better than the noise allows, and worse
    without memory.
    """
    config = StreamForecasting(
        steps=300, streams=8, groups=1, window=25, windows=4, units=16, held_out_series=64
    )
    experiment = make_experiment(config)

    @jax.jit
    def train(state, start, stop):
        def body(step, state):
            batch = experiment.data.generate(stream(0, "data"), step)
            return experiment.update(state, batch, at_step(stream(0, "update"), step))[0]

        return jax.lax.fori_loop(start, stop, body, state)

    state = jax.jit(experiment.init)(stream(0, "init"), _traced(learning_rate=0.02))
    state = train(state, 0, 300)
    batch = experiment.data.splits["test"].load() | {"weight": np.ones(64, np.float32)}
    figures = read(jax.jit(experiment.evaluate)(state, batch, jax.random.key(0)))
    assert figures["noise_mse"] == pytest.approx(NOISE_VARIANCE, rel=0.05)
    assert figures["noise_mse"] < figures["mse"] < figures["naive_mse"] / 2
    assert figures["mse"] < figures["forgetful_mse"]
    assert isinstance(state.params, Forecaster)
