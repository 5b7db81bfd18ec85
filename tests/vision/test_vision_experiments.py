"""The named experiments of this field: sizes, what is refused, and the digits' accuracy."""

import dataclasses
import importlib
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.data.feed import open_feed
from research.engine.metrics import read
from research.engine.program import Program
from research.options.config import floats, make_experiment, problems_of
from research.options.ranges import flag

NAMES = ("digits_cnn", "fashion_mnist_cnn", "fashion_mnist_small", "mnist_mlp")


def config_of(name):
    return importlib.import_module(f"experiments.vision.{name}").config


def parameters_of(experiment):
    values = {name: jnp.float32(value) for name, value in experiment.hyperparameters.items()}
    state = jax.eval_shape(experiment.init, jax.random.key(0), values)
    return sum(leaf.size for leaf in jax.tree.leaves(state.params))


@pytest.mark.parametrize("name", NAMES)
def test_defaults_and_smoke_are_in_range_and_smoke_is_short(name):
    config = config_of(name)
    assert problems_of(config) == problems_of(config.smoke()) == []
    assert config.smoke().smoke() == config.smoke()
    assert 20 <= make_experiment(config.smoke()).steps <= 40
    assert dict(make_experiment(config).hyperparameters) == floats(config)


@pytest.mark.parametrize("name", NAMES)
def test_every_number_is_checked_and_named_as_its_option(name):
    default = config_of(name)
    numbers = [f for f in dataclasses.fields(default) if not isinstance(f.default, str)]
    for field in numbers:
        for wrong in (-1, math.nan) if field.name in floats(default) else (-1,):
            problems = " ".join(problems_of(dataclasses.replace(default, **{field.name: wrong})))
            assert f"{flag(field.name)} " in problems


@pytest.mark.parametrize(
    "name, parameters",
    [("fashion_mnist_cnn", 1_413_834), ("fashion_mnist_small", 82_858), ("mnist_mlp", 266_610)],
)
def test_the_nets_have_the_sizes_that_are_told(name, parameters):
    assert parameters_of(make_experiment(config_of(name))) == parameters


def convolutions_of_evaluation(name, **changed):
    """How many convolutions a CPU computes directly to evaluate a batch of two."""
    experiment = make_experiment(dataclasses.replace(config_of(name), **changed))
    values = {key: jnp.float32(value) for key, value in experiment.hyperparameters.items()}
    state = jax.eval_shape(experiment.init, jax.random.key(0), values)
    side = 8 if name.startswith("digits") else 28
    batch = {
        "image": jax.ShapeDtypeStruct((2, side, side, 1), jnp.uint8),
        "label": jax.ShapeDtypeStruct((2,), jnp.int32),
        "weight": jax.ShapeDtypeStruct((2,), jnp.float32),
    }
    traced = jax.jit(experiment.evaluate).trace(state, batch, jax.random.key(0))
    return traced.lower(lowering_platforms=("cpu",)).as_text().count("stablehlo.convolution")


@pytest.mark.parametrize(
    "name, changed, direct",
    [
        ("digits_cnn", {}, 4),
        ("digits_cnn", {"epochs": 1000}, 1),
        ("digits_batch_norm", {}, 8),
        ("fashion_mnist_small", {}, 1),
        ("fashion_mnist_small", {"epochs": 1, "warmup_epochs": 0}, 3),
        ("fashion_mnist_cnn", {}, 1),
    ],
)
def test_long_runs_take_winograds_algorithm_and_short_ones_do_not(name, changed, direct):
    # The first layer sees one channel and is direct always.
    assert convolutions_of_evaluation(name, **changed) == direct


def test_the_small_net_has_fewer_than_a_hundred_thousand_parameters():
    assert parameters_of(make_experiment(config_of("fashion_mnist_small"))) < 100_000


@pytest.mark.slow
def test_digits_are_read_as_well_as_the_readme_says():
    experiment = make_experiment(config_of("digits_cnn"))
    accuracies = []
    with open_feed(experiment.data) as feed:
        program = Program(experiment, feed)
        for seed in range(5):
            (window,) = feed.windows(seed, 0, experiment.steps)
            carry = program.initial(seed)
            carry = program.advance(
                carry, window.arrays, 0, experiment.steps, fresh=True, halt=True
            )
            seen = jax.device_get(program.evaluate(carry, "test", experiment.steps))
            accuracies.append(read(seen)["accuracy"])
    assert np.mean(accuracies) >= 0.985
