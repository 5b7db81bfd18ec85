"""The forecasts shown are those of the net, and what it continues alone it continues alone."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.sequence.forecasts.forecast_pictures import continue_alone, show_stream_forecasts
from research.sequence.forecasts.stream_forecasting import forecast, init_forecaster

pytestmark = pytest.mark.usefixtures("plainly_compiled")

UNITS, WINDOW = 5, 8


@pytest.fixture(scope="module")
def params():
    params = init_forecaster(jax.random.key(1), UNITS)
    return params._replace(readout_kernel=jnp.linspace(-1.0, 1.0, UNITS))


@pytest.fixture(scope="module")
def batch():
    series = jax.random.normal(jax.random.key(2), (6, 41))
    return {"series": series, "clean": series - 1, "weight": jnp.float32([1, 1, 1, 0, 1, 1])}


def test_what_is_continued_alone_is_what_feeding_forecasts_back_gives(params, batch):
    known = batch["series"][:2, :10]
    made = jax.jit(
        lambda values: continue_alone(forecast, params, values, jnp.zeros((2, UNITS)), 6)
    )(known)
    for _ in range(6):
        # The whole past anew for each value: no hidden state is carried.
        ahead, _ = forecast(params, known, jnp.zeros((2, UNITS)))
        known = jnp.concatenate([known, ahead[:, -1:]], axis=1)
    np.testing.assert_allclose(made, known[:, 10:], atol=1e-5)


def test_the_lines_are_the_series_and_its_forecasts(params, batch):
    lines = show_stream_forecasts(forecast, params, batch, UNITS, WINDOW)["forecasts"]
    assert lines.y.shape == (3, 4, 3 * WINDOW), "padding is not shown"
    end = 3 * WINDOW
    np.testing.assert_array_equal(lines.y[:, 0], batch["series"][:3, :end])
    np.testing.assert_array_equal(lines.y[:, 1], batch["clean"][:3, :end])
    ahead, _ = forecast(params, batch["series"][:3, : end - 1], jnp.zeros((3, UNITS)))
    np.testing.assert_allclose(lines.y[:, 2, 1:], ahead, atol=1e-5)
    assert np.isnan(lines.y[:, 3, : 2 * WINDOW]).all()
    assert np.isfinite(lines.y[:, 3, 2 * WINDOW :]).all()


def test_the_last_line_sees_nothing_past_what_it_is_said_to_see(params, batch):
    def lines(series):
        made = show_stream_forecasts(forecast, params, {**batch, "series": series}, UNITS, WINDOW)
        return made["forecasts"].y

    later = batch["series"].at[:, 2 * WINDOW :].add(1.0)
    before, after = lines(batch["series"]), lines(later)
    np.testing.assert_array_equal(before[:, 3], after[:, 3])
    # Controls: the forecast of the next value does see it, and the last line sees what is known.
    assert (before[:, 2, 2 * WINDOW + 1 :] != after[:, 2, 2 * WINDOW + 1 :]).any()
    earlier = lines(batch["series"].at[:, 2 * WINDOW - 1].add(1.0))
    assert (before[:, 3, 2 * WINDOW :] != earlier[:, 3, 2 * WINDOW :]).any()
