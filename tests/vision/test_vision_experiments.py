"""The named experiments of this room: sizes, what `validate` says, and the digits' accuracy."""

import dataclasses
import importlib
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.data.feed import open_feed
from research.engine.hyperparameters import floats
from research.engine.metrics import read
from research.engine.program import Program

NAMES = ("digits_cnn", "fashion_mnist_cnn", "fashion_mnist_small", "mnist_mlp")


def named(name):
    return importlib.import_module(f"experiments.vision.{name}")


def parameters_of(experiment):
    values = {name: jnp.float32(value) for name, value in experiment.hyperparameters.items()}
    state = jax.eval_shape(experiment.init, jax.random.key(0), values)
    return sum(leaf.size for leaf in jax.tree.leaves(state.params))


@pytest.mark.parametrize("name", NAMES)
def test_defaults_and_smoke_are_in_range_and_smoke_is_short(name):
    module = named(name)
    config = module.Config()
    assert module.validate(config) == module.validate(module.smoke(config)) == []
    assert module.smoke(module.smoke(config)) == module.smoke(config)
    assert 20 <= module.make(module.smoke(config)).steps <= 40
    assert dict(module.make(config).hyperparameters) == floats(config)


@pytest.mark.parametrize("name", NAMES)
def test_every_number_is_checked_and_named_as_its_option(name):
    module = named(name)
    numbers = [f for f in dataclasses.fields(module.Config) if not isinstance(f.default, str)]
    for field in numbers:
        for wrong in (-1, math.nan) if field.name in floats(module.Config()) else (-1,):
            config = dataclasses.replace(module.Config(), **{field.name: wrong})
            problems = " ".join(module.validate(config))
            assert f"--{field.name.replace('_', '-')} " in problems


@pytest.mark.parametrize(
    "name, parameters",
    [("fashion_mnist_cnn", 1_413_834), ("fashion_mnist_small", 82_858), ("mnist_mlp", 266_610)],
)
def test_the_nets_have_the_sizes_that_are_told(name, parameters):
    module = named(name)
    assert parameters_of(module.make(module.Config())) == parameters


def convolutions_of_evaluation(name, **changed):
    """How many convolutions a CPU computes directly to evaluate a batch of two."""
    config = dataclasses.replace(named(name).Config(), **changed)
    experiment = named(name).make(config)
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
    module = named("fashion_mnist_small")
    assert parameters_of(module.make(module.Config())) < 100_000


@pytest.mark.slow
def test_digits_are_read_as_well_as_the_readme_says():
    module = named("digits_cnn")
    experiment = module.make(module.Config())
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
