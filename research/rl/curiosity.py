"""Curiosity by random network distillation: what cannot be predicted yet is rewarding.

A network with random weights, which never learns, computes features of every observation. Another
one learns to predict them. Where it errs, little like it was observed before: its squared error is
the intrinsic reward.

Source: Burda et al. 2018 (arXiv 1810.12894).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from research.engine.experiment import Key
from research.engine.metrics import Mean, mean
from research.optimization.descent import Trained, with_learning_rate
from research.rl.advantages import generalised_advantages
from research.rl.environments.interface import Environment
from research.rl.minibatches import descend_over_minibatches, shuffled_minibatches
from research.rl.network import Tower, features
from research.rl.normalisation import (
    Moments,
    discounted_sums,
    merge_moments,
    moments_of,
    no_moments,
    normalise_observations,
    scale_rewards,
)

LARGEST_INPUT = 5.0
"""Bound on the size of both networks' inputs; section 2.4."""


class Distillation(NamedTuple):
    """The two networks.

    Attributes:
        target: the one that never learns.
        predictor: the one that learns to predict what the target gives; two layers deeper.
        environment: whose observations they are given.
    """

    target: Tower
    predictor: Tower
    environment: Environment


class Curiosity(NamedTuple):
    """The state of curiosity: networks, and the moments that inputs and errors are scaled by.

    Attributes:
        target: the target's parameters, as they began.
        predictor: the predictor's parameters.
        opt_state: of the predictor's optimiser.
        observations: moments of observations, leaves `[*shape]`.
        returns: moments of discounted errors, scalars.
        running: float32 `[environments]`, discounted errors so far.
    """

    target: Any
    predictor: Any
    opt_state: optax.OptState
    observations: Moments
    returns: Moments
    running: jax.Array


class Novelty(NamedTuple):
    """The novelty of a rollout.

    Attributes:
        inputs: float32 `[time, environments, *shape]`, what the networks were given.
        reward: float32 `[time, environments]`, the intrinsic reward.
        observations: moments of observations.
        returns: moments of discounted errors.
        running: float32 `[environments]`, discounted errors after the rollout.
    """

    inputs: jax.Array
    reward: jax.Array
    observations: Moments
    returns: Moments
    running: jax.Array


def make_distillation(
    environment: Environment, units: tuple[int, ...], outputs: int, channels: int = 0
) -> Distillation:
    """The two networks for the observations of an environment, with hidden layers of these units.

    They compute `outputs` features of an observation, and for images begin with a convolution of so
    many channels; 0 for none.
    """
    # Indices of states come as unit vectors.
    dimensions = max(1, len(environment.observation_shape))
    gain = math.sqrt(2.0)
    target, predictor = (
        Tower(hidden, outputs, gain, channels, dimensions, nn.relu)
        for hidden in (units, units + units[-1:] * 2)
    )
    return Distillation(target, predictor, environment)


def start_curiosity(
    networks: Distillation, key: Key, observed: jax.Array, environments: int
) -> Curiosity:
    """Curiosity before anything was learned.

    Observations are normalised at first by those that were `observed`, `[..., *observation_shape]`.
    """
    target_key, predictor_key = jax.random.split(key)
    flat = features(observed, networks.environment.states)
    observations = moments_of(flat, networks.target.dimensions)
    blank = jnp.zeros_like(observations.mean)
    predictor = networks.predictor.init(predictor_key, blank)
    return Curiosity(
        target=networks.target.init(target_key, blank),
        predictor=predictor,
        opt_state=optax.scale_by_adam().init(predictor),
        observations=observations,
        returns=no_moments(()),
        running=jnp.zeros(environments, jnp.float32),
    )


def prediction_error(
    networks: Distillation, predictor: Any, target: Any, inputs: jax.Array
) -> jax.Array:
    """Squared error of the predictor, mean over its outputs, float32 `[...]`.

    Inputs are float32 `[..., *shape]`, normalised.

    Source: section 2.2, ‖f̂(x; θ) - f(x)‖², here over the number of outputs: it is divided by its
        own deviation later.
    """
    predicted = networks.predictor.apply(predictor, inputs)
    true = jax.lax.stop_gradient(networks.target.apply(target, inputs))
    return jnp.mean(jnp.square(predicted - true), axis=-1)


def measure_novelty(
    networks: Distillation,
    curiosity: Curiosity,
    running: jax.Array,
    observation: jax.Array,
    discount: jax.Array | float,
) -> Novelty:
    """The intrinsic reward of each step: the prediction error of the observation that it led to.

    Observations and errors are normalised by those before this rollout. Discounted errors go on
    over ends of episodes, as their returns do.

    Args:
        networks: target and predictor.
        curiosity: before the rollout.
        running: float32 `[environments]`, the part of `curiosity.running` that this is about.
        observation: `[time, environments, *observation_shape]`, before any reset.
        discount: γ_I, scalar.

    Source: section 2.4.
    """
    observed = features(observation, networks.environment.states)
    inputs = normalise_observations(observed, curiosity.observations, LARGEST_INPUT)
    error = prediction_error(networks, curiosity.predictor, curiosity.target, inputs)
    sums, running = discounted_sums(error, jnp.zeros(error.shape, bool), running, discount)
    return Novelty(
        inputs=inputs,
        reward=scale_rewards(error, curiosity.returns),
        observations=moments_of(observed, networks.target.dimensions),
        returns=moments_of(sums, 0),
        running=running,
    )


def endless_advantages(
    reward: Float[Array, " time *batch"],
    value: Float[Array, " time+1 *batch"],
    discount: Array | float,
    gae_lambda: Array | float,
) -> Float[Array, " time *batch"]:
    """Generalised advantages where no episode ends: an episode is followed by the next one's start.

    Novelty in the next episode is worth as much as in this one. Were returns cut, an end would cost
    all curiosity, and no risk would be taken. The value is that of the observations acted on, and
    of the next one.

    Source: section 2.3.
    """
    never = jnp.zeros(reward.shape, bool)
    return generalised_advantages(reward, value[:-1], value[1:], never, never, discount, gae_lambda)


def learn_to_predict(
    networks: Distillation,
    curiosity: Curiosity,
    inputs: jax.Array,
    learning_rate: jax.Array,
    minibatch_size: int,
    key: Key,
) -> tuple[Curiosity, Mean]:
    """One pass over the observations of a rollout, and the mean error over the pass.

    Inputs are float32 `[groups, batch / groups, *shape]`, of `Novelty.inputs`; a minibatch is of so
    many observations over all groups.
    """
    groups, examples = inputs.shape[0], inputs.shape[0] * inputs.shape[1]

    def loss(predictor: Any, part: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        error = jnp.mean(prediction_error(networks, predictor, curiosity.target, part))
        return error, {"error": error}

    trained, metrics = descend_over_minibatches(
        loss,
        Trained(curiosity.predictor, curiosity.opt_state),
        with_learning_rate(optax.scale_by_adam(), learning_rate),
        groups,
        inputs,
        shuffled_minibatches(key, examples, minibatch_size, 1, groups),
        key,
    )
    curiosity = curiosity._replace(predictor=trained.params, opt_state=trained.opt_state)
    return curiosity, mean(metrics["error"])


def update_moments(
    curiosity: Curiosity, observations: Moments, returns: Moments, running: jax.Array
) -> Curiosity:
    """Curiosity with the statistics of one rollout more, those of `Novelty` of all environments."""
    return curiosity._replace(
        observations=merge_moments(curiosity.observations, observations),
        returns=merge_moments(curiosity.returns, returns),
        running=running,
    )
