"""Forecasts from a window: what is learned, what is measured, and what a report shows."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from research.data.feed import open_feed
from research.engine.experiment import Data
from research.options.config import make_experiment, problems_of
from research.sequence.forecasts.forecast_net import (
    QUANTILES,
    Forecast,
    ForecastNet,
    Linear,
    Naive,
    Recurrent,
    Waves,
)
from research.sequence.forecasts.forecasting import following, interval_loss, make_forecasting
from research.sequence.forecasts.series import (
    NOISE_VARIANCE,
    SIZES,
    RecurrentForecasting,
    SeriesForecasting,
    WaveForecasting,
    make_series,
)

pytestmark = pytest.mark.usefixtures("plainly_compiled")


def test_the_sets_are_the_chapters():
    """Shapes, the noise, and the naive error that the book found: .0202 and .2570."""
    sources = make_series(50, 10)
    columns = {split: source.load()["values"] for split, source in sources.items()}
    assert {split: len(values) for split, values in columns.items()} == SIZES
    assert all(values.shape[1:] == (60, 1) for values in columns.values())
    train = columns["train"]
    assert 0.23 < np.mean(np.square(train[:, 50:] - train[:, 49:50])) < 0.29
    one = make_series(50, 1)["train"].load()["values"]
    assert 0.0195 < np.mean(np.square(one[:, 50] - one[:, 49])) < 0.0210
    rows = {values.tobytes() for split in columns.values() for values in split}
    assert len(rows) == sum(SIZES.values())
    assert make_series(50, 10)["test"].digest() == sources["test"].digest()
    assert make_series(50, 10, seed=1)["test"].digest() != sources["test"].digest()


@given(
    window=st.integers(1, 12), horizon=st.integers(1, 5), stride=st.integers(1, 3), data=st.data()
)
def test_following_are_the_values_after_each_place(window, horizon, stride, data):
    places = data.draw(st.integers(1, 1 + (window - 1) // stride))
    values = np.arange(2 * (window + horizon)).reshape(2, -1, 1)
    found = following(values, window, horizon, places, stride)
    assert found.shape == (2, places, horizon)
    for place in range(places):
        last = window - 1 - stride * (places - 1 - place)
        np.testing.assert_array_equal(found[:, place], values[:, last + 1 : last + 1 + horizon, 0])


def test_the_interval_is_least_at_the_quantiles():
    truth = np.random.default_rng(0).normal(size=4001) ** 3
    fixed = np.quantile(truth, QUANTILES)
    for end, quantile in enumerate(QUANTILES):

        def loss(value, end=end):
            ends = [np.full(truth.shape, value if k == end else fixed[k]) for k in range(2)]
            return float(np.mean(np.asarray(interval_loss(Forecast(None, *ends), truth))))

        found = minimize_scalar(loss, bounds=(-20, 20), method="bounded").x
        assert abs(np.mean(truth < found) - quantile) < 0.005


def test_the_interval_teaches_the_forecast_nothing():
    net = ForecastNet(Recurrent("gru", (4,)), 3)
    values = jax.random.normal(jax.random.key(0), (2, 6, 1))
    variables = net.init(jax.random.key(1), values)

    def ends(variables):
        said = net.apply(variables, values)
        return jnp.sum(jnp.square(said.low)) + jnp.sum(jnp.square(said.high))

    gradient = jax.grad(ends)(variables)["params"]
    assert all(jnp.any(leaf != 0) for leaf in jax.tree.leaves(gradient["interval"]))
    rest = {name: leaf for name, leaf in gradient.items() if name != "interval"}
    assert rest and all(not jnp.any(leaf) for leaf in jax.tree.leaves(rest))


def test_without_an_interval_there_is_none_and_the_forecast_is_the_same():
    """Learned from gradients that are not clipped: the norm is that of all parameters."""

    def learned(interval):
        net = Recurrent("simple", (4, 4), every_step=True)
        experiment = _experiment(net, steps=5, interval=interval)
        values = jnp.asarray(experiment.data.splits["validation"].load()["values"][:50])
        batch = {"values": values, "weight": jnp.ones(50)}
        hyperparameters = {"learning_rate": jnp.float32(0.01), "gradient_norm": jnp.float32(1e9)}
        state = experiment.init(jax.random.key(0), hyperparameters)
        update = jax.jit(experiment.update)
        for step in range(5):
            state, told = update(state, batch, jax.random.key(step))
        return state.params, told, experiment.evaluate(state, batch, jax.random.key(0))

    (params, told, measured), (alone, told_alone, measured_alone) = learned(True), learned(False)
    assert params.keys() - alone.keys() == {"interval"}
    assert measured.keys() - measured_alone.keys() == {"coverage"}
    for name in alone:
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
            params[name],
            alone[name],
        )
    assert float(told["loss"].total) == pytest.approx(float(told_alone["loss"].total), rel=1e-5)


def test_naive_repeats_the_last_value_or_the_last_season():
    values = jnp.arange(10.0).reshape(1, 10, 1)
    assert Naive(horizon=3).apply({}, values).mean.tolist() == [[[9, 9, 9]]]
    assert Naive(season=3, horizon=5).apply({}, values).mean.tolist() == [[[7, 8, 9, 7, 8]]]


def test_a_direct_net_ends_in_neurons_that_forecast():
    config = RecurrentForecasting(Recurrent(direct=True), horizon=3, units=5, layers=2)
    values = jnp.zeros((2, 12, 1))
    forecast, variables = config.forecaster().init_with_output(jax.random.key(0), values)
    assert forecast.mean.shape == (2, 1, 3)
    assert variables["params"].keys() == {"body", "interval"}
    layers = variables["params"]["body"]["RecurrentLayers_0"]
    assert [layers[f"layer_{n}"].units for n in range(len(layers))] == [5, 5, 3]


def test_options_out_of_range_are_named():
    config = WaveForecasting(Waves())
    assert problems_of(config) == []
    for dilations in ((), (1, 0)):
        (problem,) = problems_of(replace(config, dilations=dilations))
        assert problem.startswith("--dilations must be ")
    wrong = replace(config, batch_size=SIZES["train"] + 1, window=3, filters=0)
    assert len(problems_of(wrong)) == 3


def _experiment(net, steps=0, **more):
    config = SeriesForecasting(net, window=12, horizon=3, batch_size=50, **more)
    data = Data(make_series(12, 3))
    return make_experiment(config, lambda c: make_forecasting(c, data, steps, evaluate_every=1))


def test_one_by_one_goes_on_by_its_own_forecasts():
    """Against a loop in Python, whose window moves on by one."""
    experiment = _experiment(Recurrent("gru", (4,)), one_by_one=True)
    net = ForecastNet(Recurrent("gru", (4,)), 1)
    state = jax.jit(experiment.init)(jax.random.key(0), {"learning_rate": jnp.float32(0.01)})
    batch = next(open_feed(experiment.data, "resident").evaluation("test"))
    measured = jax.jit(experiment.evaluate)(state, batch, jax.random.key(0))
    apply = jax.jit(net.apply)
    window, errors = batch["values"][:, :12], []
    for ahead in range(3):
        said = apply({"params": state.params}, window).mean[:, -1]
        errors.append((said[:, 0] - batch["values"][:, 12 + ahead, 0]) ** 2)
        window = jnp.concatenate([window[:, 1:], said[:, None]], axis=1)
    expected = float(jnp.mean(jnp.stack(errors)))
    ours = measured["mse"]
    assert float(ours.total / ours.weight) == pytest.approx(expected, rel=1e-5)


def test_a_linear_net_comes_to_the_least_squares_and_its_interval_to_nine_in_ten():
    """Full batches of one set of series, against `numpy.linalg.lstsq` on the same."""
    experiment = _experiment(Linear(), steps=3000)
    values = experiment.data.splits["validation"].load()["values"]
    batch = {"values": jnp.asarray(values), "weight": jnp.ones(len(values))}
    state = experiment.init(jax.random.key(0), {"learning_rate": jnp.float32(0.01)})

    def body(step, state):
        return experiment.update(state, batch, jax.random.key(0))[0]

    state = jax.jit(lambda state: jax.lax.fori_loop(0, 3000, body, state))(state)
    measured = jax.jit(experiment.evaluate)(state, batch, jax.random.key(0))
    known = np.hstack([values[:, :12, 0], np.ones((len(values), 1))]).astype(np.float64)
    truth = values[:, 12:, 0]
    solution, *_ = np.linalg.lstsq(known, truth, rcond=None)
    least = np.mean(np.square(known @ solution - truth))
    found = {name: float(value.total / value.weight) for name, value in measured.items()}
    assert least > NOISE_VARIANCE
    assert found["mse"] == pytest.approx(least, rel=0.02)
    assert 0.88 < found["coverage"] < 0.92


@pytest.mark.parametrize("interval", [True, False])
def test_a_report_shows_forecasts_and_their_errors(interval):
    experiment = _experiment(Linear(), interval=interval)
    state = jax.jit(experiment.init)(jax.random.key(0), {"learning_rate": jnp.float32(0.01)})
    feed = open_feed(experiment.data, "resident")
    shown = experiment.artifacts(state, feed.evaluation, jax.random.key(0))
    lines, errors = shown["forecasts"], shown["errors"]
    # They begin where the series is known last, so that one step ahead is a line too.
    assert lines.y.shape == (6, 4 if interval else 2, 15) and len(lines.names) == lines.y.shape[1]
    assert np.isnan(lines.y[:, 1:, :11]).all()
    assert (lines.y[:, 1:, 11] == lines.y[:, :1, 11]).all()
    assert np.isfinite(lines.y[:, 1:, 12:]).all()
    batch = next(feed.evaluation("test"))
    measured = experiment.evaluate(state, batch, jax.random.key(0))
    expected = float(measured["mse"].total / measured["mse"].weight)
    assert np.mean(10.0 ** errors.y[0, 0]) == pytest.approx(expected, rel=1e-4)
