"""Optimisers and schedules against optax with plain numbers, of which none is in the program."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from research.optimization.descent import with_learning_rate
from research.optimization.optimizers import make_optimizer, make_schedule

pytestmark = pytest.mark.usefixtures("plainly_compiled")

VALUES = {
    "learning_rate": 0.03,
    "momentum": 0.8,
    "first_moment_decay": 0.85,
    "second_moment_decay": 0.95,
    "epsilon": 1e-6,
    "weight_decay": 0.1,
    "squares_decay": 0.7,
}
MOMENTS = {"b1": 0.85, "b2": 0.95, "eps": 1e-6}
REFERENCES = {
    "sgd": optax.sgd(0.03),
    "momentum": optax.sgd(0.03, momentum=0.8),
    "adam": optax.adam(0.03, **MOMENTS),
    "adamw": optax.adamw(0.03, weight_decay=0.1, **MOMENTS),
    "nadam": optax.nadam(0.03, **MOMENTS),
    "rmsprop": optax.rmsprop(0.03, decay=0.7, eps=1e-6),
}
PARAMS = {"kernel": np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3), "bias": np.ones(3)}


def loss(params):
    return jnp.sum(jnp.cos(3 * params["kernel"]) * params["bias"]) + jnp.sum(params["bias"] ** 2)


def train(optimizer_of, values, steps=5):
    """Parameters after some steps, the optimiser being made from traced numbers in each."""
    params = jax.tree.map(jnp.float32, PARAMS)

    @jax.jit
    def step(params, opt_state, values):
        updates, opt_state = optimizer_of(values).update(jax.grad(loss)(params), opt_state, params)
        return optax.apply_updates(params, updates), opt_state

    opt_state = optimizer_of(values).init(params)
    for _ in range(steps):
        params, opt_state = step(params, opt_state, values)
    assert step._cache_size() == 1
    return params


def floats(values):
    return {name: jnp.float32(value) for name, value in values.items()}


@pytest.mark.parametrize("name", REFERENCES)
def test_traced_numbers_give_what_optax_gives_for_plain_ones(name):
    ours = train(lambda values: make_optimizer(name, values, 10), floats(VALUES))
    theirs = train(lambda values: REFERENCES[name], floats(VALUES))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), ours, theirs)


@pytest.mark.parametrize("name", REFERENCES)
def test_defaults_are_those_of_optax(name):
    values = {"learning_rate": jnp.float32(0.03), "weight_decay": jnp.float32(0.1)}
    makers = {
        "sgd": optax.sgd,
        "momentum": lambda rate: optax.sgd(rate, 0.9),
        "adamw": lambda rate: optax.adamw(rate, weight_decay=0.1),
        "adam": optax.adam,
        "nadam": optax.nadam,
        "rmsprop": optax.rmsprop,
    }
    ours = train(lambda values: make_optimizer(name, values, 10), values)
    theirs = train(lambda values: makers[name](0.03), values)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), ours, theirs)


@pytest.mark.parametrize("name", REFERENCES)
def test_no_number_is_part_of_the_program(name):
    """The program is made without any number, and each number does change the result."""

    def step(params, opt_state, values, baked=0.0):
        optimizer = make_optimizer(name, values, 10)
        gradient = jax.tree.map(lambda g: g + baked, jax.grad(loss)(params))
        updates, opt_state = optimizer.update(gradient, opt_state, params)
        return optax.apply_updates(params, updates), opt_state

    def text(baked=0.0):
        # Shapes alone: what wanted a number at trace time would raise.
        values = jax.eval_shape(lambda: floats(VALUES | {"gradient_norm": 0.5}))
        params = jax.eval_shape(lambda: jax.tree.map(jnp.float32, PARAMS))
        optimizer = make_optimizer(name, floats(VALUES | {"gradient_norm": 0.5}), 10)
        opt_state = jax.eval_shape(optimizer.init, params)
        return jax.jit(lambda *a: step(*a, baked=baked)).lower(params, opt_state, values).as_text()

    assert text() != text(baked=0.125)  # a closed-over number does show

    base = train(lambda values: make_optimizer(name, values, 10), floats(VALUES))
    used = {
        "sgd": [],
        "momentum": ["momentum"],
        "adam": ["first_moment_decay", "second_moment_decay"],
        "adamw": ["first_moment_decay", "second_moment_decay", "weight_decay"],
        "nadam": ["first_moment_decay", "second_moment_decay"],
        "rmsprop": ["squares_decay"],
    }
    for changed in ["learning_rate", *used[name]]:
        values = floats(VALUES | {changed: 0.5 * VALUES[changed]})
        other = train(lambda values: make_optimizer(name, values, 10), values)
        assert not np.allclose(base["kernel"], other["kernel"], rtol=1e-4)


def test_clipping_is_by_the_norm_of_all_and_not_by_element():
    gradient = {"a": jnp.array([3.0, 0.1]), "b": jnp.array([4.0])}
    norm = float(jnp.sqrt(9 + 0.01 + 16))
    values = {"learning_rate": jnp.float32(1), "gradient_norm": jnp.float32(1)}
    optimizer = make_optimizer("sgd", values, 10)
    updates, _ = optimizer.update(gradient, optimizer.init(gradient), gradient)
    np.testing.assert_allclose(-updates["a"], gradient["a"] / norm, rtol=1e-6)
    np.testing.assert_allclose(-updates["b"], gradient["b"] / norm, rtol=1e-6)
    # By element, the ratio of the entries would change: it is what this test would catch.
    by_element = jnp.clip(gradient["a"], -1, 1)
    assert not np.allclose(-updates["a"][0] / updates["a"][1], by_element[0] / by_element[1])


def test_a_gradient_within_the_bound_is_left_alone():
    gradient = {"a": jnp.array([0.3, 0.1])}
    values = {"learning_rate": jnp.float32(1), "gradient_norm": jnp.float32(1)}
    optimizer = make_optimizer("sgd", values, 10)
    updates, _ = optimizer.update(gradient, optimizer.init(gradient), gradient)
    np.testing.assert_array_equal(-updates["a"], gradient["a"])


def test_mistakes_are_refused():
    with pytest.raises(ValueError, match="lion"):
        make_optimizer("lion", floats(VALUES), 10)
    with pytest.raises(KeyError):
        make_optimizer("adam", {}, 10)


def test_a_transformation_and_a_rate_are_the_optimiser_whose_state_is_the_transformations():
    values = {"learning_rate": jnp.float32(0.03)}
    ours = train(
        lambda values: with_learning_rate(optax.scale_by_adam(), values["learning_rate"]), values
    )
    theirs = train(lambda values: optax.adam(0.03), values)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7), ours, theirs)
    adam = optax.scale_by_adam()
    states = [one.init(ours) for one in (with_learning_rate(adam, jnp.float32(1)), adam)]
    jax.tree.map(np.testing.assert_array_equal, *states)
    assert jax.tree.structure(states[1]) != jax.tree.structure(optax.adam(0.03).init(ours))


TOTAL, WARMUP = 100, 20
STEPS = np.arange(0, TOTAL + 5)

SCHEDULES = {
    ("constant", 0): lambda peak: optax.constant_schedule(peak),
    ("constant", WARMUP): lambda peak: optax.linear_schedule(0.0, peak, WARMUP),
    ("cosine", 0): lambda peak: optax.cosine_decay_schedule(peak, TOTAL),
    ("warmup_cosine", WARMUP): lambda peak: optax.warmup_cosine_decay_schedule(
        0.0, peak, WARMUP, TOTAL
    ),
    ("one_cycle", WARMUP): lambda peak: optax.linear_onecycle_schedule(
        TOTAL, peak, pct_start=0.2, pct_final=0.85
    ),
    # Steps 0 to 0.03, 0.12, 0.4, 1.2, 3.7, 11.1 and 33.3.
    ("staircase", 0): lambda peak: optax.join_schedules(
        [optax.constant_schedule(peak * 10 ** (-n / 7)) for n in (0, 3, 4, 5, 6, 7)],
        [1, 2, 4, 12, 34],
    ),
}


@pytest.mark.parametrize("name, warmup", SCHEDULES)
@pytest.mark.parametrize("peak", [1e-3, 0.7])
def test_a_traced_peak_gives_what_optax_gives_for_a_number(name, warmup, peak):
    ours = jax.jit(lambda p, s: jax.vmap(make_schedule(name, p, TOTAL, warmup))(s))
    theirs = jnp.broadcast_to(jax.vmap(SCHEDULES[name, warmup](peak))(STEPS), STEPS.shape)
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
    [
        ("linear", 10, 0),
        ("cosine", 10, 2),
        ("staircase", 10, 2),
        ("one_cycle", 10, 0),
        ("constant", 10, 11),
    ],
)
def test_what_does_not_fit_is_refused(name, total, warmup):
    with pytest.raises(ValueError):
        make_schedule(name, jnp.float32(1), total, warmup)


def test_a_run_of_no_steps_has_a_schedule_too():
    assert make_schedule("cosine", jnp.float32(1), 0)(0) == 1
