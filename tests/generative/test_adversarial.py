"""Adversarial generators: the losses of both sides, and that each changes itself alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import hinge_loss, log_loss

from research.engine.experiment import Experiment, traced
from research.generative.adversarial import Adversarial
from research.generative.adversarial_losses import (
    LOSSES,
    gradient_penalty,
    overall,
    shares,
    squared_slopes,
)
from research.generative.adversarial_nets import (
    ConvolutionalDiscriminator,
    ConvolutionalGenerator,
    with_classes,
)
from research.options.config import config_fields, make_experiment, problems_of
from tests.generative.test_autoencoder import batch

pytestmark = pytest.mark.usefixtures("plainly_compiled")

SMALL = Adversarial(
    data_set="digits", examples=64, epochs=1, batch_size=16, code_size=3, features="", measured=10
)
CONVOLUTIONAL = replace(
    SMALL,
    generator=lambda shape: ConvolutionalGenerator(shape, (4, 2)),
    discriminator=lambda: ConvolutionalDiscriminator((2, 4)),
)


def begun(config: Adversarial) -> tuple[Experiment, Any]:
    experiment = make_experiment(config)
    init = jax.jit(experiment.init)
    return experiment, init(jax.random.key(0), traced(experiment.hyperparameters))


def same(one: Any, other: Any) -> bool:
    return all(jax.tree.leaves(jax.tree.map(np.array_equal, one, other)))


def test_losses_are_those_of_scikit_learn() -> None:
    logits = np.random.default_rng(0).standard_normal(9)
    share = 1 / (1 + np.exp(-logits))
    ones, both = np.ones(9), [0, 1]
    losses = LOSSES["non_saturating"]
    for found, label in ((losses.true, 1), (losses.made, 0), (losses.generator, 1)):
        expected = log_loss(label * ones, share, labels=both)
        assert float(jnp.mean(found(logits))) == pytest.approx(expected, rel=1e-5)
    losses = LOSSES["hinge"]
    found_both = [float(jnp.mean(found(logits))) for found in (losses.true, losses.made)]
    expected = hinge_loss(np.concatenate([ones, -ones]), np.concatenate([logits, logits]))
    assert np.mean(found_both) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_each_side_wants_what_the_other_does_not(name: Any) -> None:
    losses, up = LOSSES[name], lambda loss: float(jax.grad(lambda x: jnp.sum(loss(x)))(0.5))
    assert up(losses.true) < 0 < up(losses.made) and up(losses.generator) < 0


def test_the_penalty_of_a_linear_critic_in_closed_form() -> None:
    slope = jax.random.normal(jax.random.key(0), (4, 4, 1))
    true, made = jax.random.uniform(jax.random.key(1), (2, 5, 4, 4, 1))

    def critic(image: jax.Array) -> jax.Array:
        return jnp.sum(image * slope, axis=(1, 2, 3))

    found = gradient_penalty(critic, true, made, jax.random.key(2))
    expected = (float(jnp.linalg.norm(slope)) - 1) ** 2
    np.testing.assert_allclose(found, np.full(5, expected), rtol=1e-5)
    # Between the two images, and elsewhere for another key.
    bent = [
        gradient_penalty(lambda x: jnp.sum(x**2, (1, 2, 3)), 0 * true, true, jax.random.key(at))
        for at in range(2)
    ]
    norms = 2 * np.linalg.norm(true.reshape(5, -1), axis=1)
    shares = (1 + np.sqrt(bent[0])) / norms, (1 - np.sqrt(bent[0])) / norms
    assert np.all((np.abs(shares[0] - 0.5) <= 0.5) | (np.abs(shares[1] - 0.5) <= 0.5))
    assert not np.array_equal(bent[0], bent[1])


def test_the_squared_slopes_of_a_square_in_closed_form() -> None:
    image = jax.random.normal(jax.random.key(0), (5, 4, 4, 1))
    found = squared_slopes(lambda x: jnp.sum(x**2, (1, 2, 3)), image)
    np.testing.assert_allclose(found, 4 * np.sum(np.square(image), (1, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize("change", [{"real_penalty": True}, {"spectral": True}])
def test_what_is_asked_of_the_discriminator_changes_it_and_nothing_where_it_is_not(
    change: dict[str, bool],
) -> None:
    asked = replace(SMALL, **change)
    assert config_fields(asked).keys() - config_fields(SMALL).keys() == change.keys()
    experiment, state = begun(SMALL)
    plain, _ = jax.jit(experiment.update)(state, batch(), jax.random.key(1))
    update = jax.jit(make_experiment(asked).update)
    changed, _ = update(state, batch(), jax.random.key(1))
    assert not same(plain.discriminator.params, changed.discriminator.params)
    # A penalty of no weight is none.
    values = {**state.hyperparameters, "penalty": jnp.float32(0)}
    free, _ = update(state._replace(hyperparameters=values), batch(), jax.random.key(1))
    assert same(free.discriminator.params, plain.discriminator.params) == ("real_penalty" in change)


@pytest.mark.parametrize("config", [SMALL, CONVOLUTIONAL], ids=["dense", "convolutional"])
def test_each_side_changes_only_itself(config: Adversarial) -> None:
    """What one learns in a step does not depend on how far the other goes in it."""
    after = {}
    experiment, state = begun(config)
    update = jax.jit(experiment.update)
    for rates in ((1e-3, 1e-3), (1e-3, 5e-3), (5e-3, 1e-3)):
        both = dict(
            zip(("generator_rate", "discriminator_rate"), map(jnp.float32, rates), strict=True)
        )
        values = {**state.hyperparameters, **both}
        after[rates], _ = update(state._replace(hyperparameters=values), batch(), jax.random.key(1))
        assert not same(after[rates].generator.params, state.generator.params)
        assert not same(after[rates].discriminator.params, state.discriminator.params)
    plain, discriminating, generating = after.values()
    assert same(plain.discriminator, generating.discriminator)
    assert not same(plain.generator.params, generating.generator.params)
    # The generator's gradient is against the discriminator as it is after its step.
    assert not same(plain.discriminator.params, discriminating.discriminator.params)
    assert not same(plain.generator.opt_state, discriminating.generator.opt_state)


def test_several_steps_of_the_discriminator_are_of_other_images() -> None:
    experiment, state = begun(replace(SMALL, discriminator_steps=3))
    assert experiment.items_per_step == 48
    after, found = jax.jit(experiment.update)(state, batch(rows=48), jax.random.key(1))
    assert int(after.discriminator.opt_state[0].count) == 3
    assert int(after.generator.opt_state[0].count) == 1
    assert float(found["discriminator_loss"].weight) == 48
    assert float(found["generator_loss"].weight) == 16


def test_a_generator_of_classes_and_its_judge_are_given_them() -> None:
    planes = with_classes(jnp.zeros((2, 3, 3, 1)), jnp.asarray([1, 0]), 2)[0, 0, 0]
    np.testing.assert_array_equal(planes, [0, 0, 1])
    experiment, state = begun(replace(SMALL, conditional=True))
    assert state.generator.params["Dense_0"]["kernel"].shape[0] == 3 + 10
    assert state.discriminator.params["Dense_0"]["kernel"].shape[0] == 64 * (1 + 10)
    rows = batch()
    update = jax.jit(experiment.update)
    one, _ = update(state, rows, jax.random.key(1))
    other, _ = update(state, {**rows, "label": (rows["label"] + 1) % 10}, jax.random.key(1))
    assert not same(one.discriminator.params, other.discriminator.params)


@pytest.mark.parametrize(
    "figures, remarks",
    [
        ({"test/accuracy": 0.99}, 1),
        ({"test/accuracy": 0.9}, 0),
        ({"test/wasserstein_estimate": 9}, 0),
    ],
)
def test_a_discriminator_that_is_never_deceived_is_remarked(
    figures: dict[str, float], remarks: int
) -> None:
    experiment = make_experiment(SMALL)
    assert experiment.remarks is not None
    assert len(experiment.remarks(figures)) == remarks


def test_an_image_is_found_beyond_the_logit_that_lies_between_what_a_loss_asks_for() -> None:
    true, made, weight = jnp.asarray([0.4, 0.8, 9.0]), jnp.asarray([0.2, 0.6, 9.0]), [1.0, 1.0, 0.0]

    def found(loss: Any) -> dict[str, float]:
        given = (LOSSES[loss], true, made, jnp.asarray(weight))
        return {
            name: float(one.total / one.weight)
            for name, one in (overall(*given) | shares(*given)).items()
        }

    hinge = {"accuracy": 0.5, "true_found": 1.0, "made_found": 0.0}
    assert found("hinge") == found("non_saturating") == hinge
    assert found("least_squares") == {"accuracy": 0.5, "true_found": 0.5, "made_found": 0.5}
    assert found("wasserstein") == {"wasserstein_estimate": pytest.approx(0.2)}


@pytest.mark.parametrize(
    "config, words",
    [
        (replace(SMALL, examples=1281), "must be at most 1,280"),
        (replace(SMALL, discriminator_steps=5), "must be at most 64 (--examples), not 80"),
        (replace(SMALL, groups=3), "must divide"),
        (replace(SMALL, loss="wasserstein", real_penalty=True), "a gradient penalty of its own"),
    ],
)
def test_what_cannot_be_is_said(config: Adversarial, words: str) -> None:
    assert any(words in problem for problem in problems_of(config)), problems_of(config)
