"""Schedules against optax's own with a number for the peak, and against their definitions."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from research.optimization.schedules import make_schedule

TOTAL, WARMUP = 100, 20
STEPS = np.arange(0, TOTAL + 5)

REFERENCES = {
    ("constant", 0): lambda peak: optax.constant_schedule(peak),
    ("constant", WARMUP): lambda peak: optax.linear_schedule(0.0, peak, WARMUP),
    ("cosine", 0): lambda peak: optax.cosine_decay_schedule(peak, TOTAL),
    ("warmup_cosine", WARMUP): lambda peak: optax.warmup_cosine_decay_schedule(
        0.0, peak, WARMUP, TOTAL
    ),
    ("one_cycle", WARMUP): lambda peak: optax.linear_onecycle_schedule(
        TOTAL, peak, pct_start=0.2, pct_final=0.85
    ),
}


@pytest.mark.parametrize("name, warmup", REFERENCES)
@pytest.mark.parametrize("peak", [1e-3, 0.7])
def test_a_traced_peak_gives_what_optax_gives_for_a_number(name, warmup, peak):
    ours = jax.jit(lambda p, s: jax.vmap(make_schedule(name, p, TOTAL, warmup))(s))
    theirs = jnp.broadcast_to(jax.vmap(REFERENCES[name, warmup](peak))(STEPS), STEPS.shape)
    np.testing.assert_allclose(ours(peak, STEPS), theirs, rtol=1e-5, atol=1e-9 * peak)


def test_the_peak_is_reached_and_the_end_is_near_nothing():
    for name in ("warmup_cosine", "one_cycle"):
        schedule = make_schedule(name, jnp.float32(0.5), TOTAL, WARMUP)
        rates = np.array([schedule(step) for step in STEPS])
        assert rates.argmax() == WARMUP and rates.max() == 0.5
        assert np.all(np.diff(rates[: WARMUP + 1]) > 0) and np.all(np.diff(rates[WARMUP:101]) < 0)
        assert rates[TOTAL] < 1e-5


@pytest.mark.parametrize(
    "name, total, warmup",
    [("linear", 10, 0), ("cosine", 10, 2), ("one_cycle", 10, 0), ("constant", 10, 11)],
)
def test_what_does_not_fit_is_refused(name, total, warmup):
    with pytest.raises(ValueError):
        make_schedule(name, jnp.float32(1), total, warmup)


def test_a_run_of_no_steps_has_a_schedule_too():
    assert make_schedule("cosine", jnp.float32(1), 0)(0) == 1
