"""Predictors of policies: the action for an observation, in the environment's own unit."""

from __future__ import annotations

import json
import math
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from research.data.own_text import read_own
from research.engine import keys
from research.engine.experiment import State
from research.errors import Mistake
from research.prediction import Actions, Carried, Inputs, Outputs, Own, Predictor
from research.rl.distributions import DiscreteDistribution, Distribution
from research.rl.environments.interface import Discrete, Environment
from research.rl.playing import play
from research.rl.policy import Agent, Memory

NINE_TENTHS = 1.6448536
"""The standard normal distribution's, about its mean, lie within so many deviations."""


LARGEST = float(np.finfo(np.float32).max)
"""Of the numbers that an observation can hold."""


def offer_agent(agent: Agent, initial: Memory = None) -> dict[str, Any]:
    """`Experiment.offers` of a policy; `initial` is the memory that an episode begins with: 0."""
    return {"agent": agent, "predict": make_predictor(agent, initial)}


def make_predictor(agent: Agent, initial: Memory = None) -> Predictor:
    """The predictor of an agent's actions; `initial` is as `offer_agent` has it."""
    environment = agent.environment
    carried = Carried.of("memory", initial)
    observed = jax.ShapeDtypeStruct(
        (1, *environment.observation_shape),
        jnp.float32 if environment.states is None else jnp.int32,
    )

    def predict(state: State, inputs: Inputs) -> Outputs:
        memory, dist = agent.policy(state).act(carried.join(inputs), inputs["observation"])
        return _outputs(environment, dist) | carried.split(memory)

    def meet(state: State, count: int) -> Inputs:
        # The episode that `play` plays, of the same seed.
        (played,) = play(agent, state, keys.stream(0, "play"), 1, stochastic=False)
        met = played.observations[: min(count, played.length)]
        return {"observation": met[None] if carried.shapes else met}

    return Predictor(
        apply=predict,
        examples={"observation": observed, **carried.shapes},
        outputs=_kind(environment),
        split=None,
        read=lambda word: read_observation(word, environment, in_time=bool(carried.shapes)),
        takes=takes(environment),
        carried=carried.shapes,
        meet=meet,
    )


def _outputs(environment: Environment, dist: Distribution) -> Outputs:
    action = environment.own_action(dist.mode())
    if isinstance(environment.action_space, Discrete):
        return {"action": action, "probability": cast(DiscreteDistribution, dist).probability()}
    # Wrappers keep the order of numbers, as drawing does, so that quantiles stay what they are.
    low, high = (
        environment.own_action(dist.sample(jnp.full_like(action, bound)))
        for bound in (-NINE_TENTHS, NINE_TENTHS)
    )
    return {"action": action, "low": low, "high": high}


def _kind(environment: Environment) -> Actions:
    space = environment.action_space
    if isinstance(space, Discrete):
        names = environment.action_names or tuple(map(str, range(space.n)))
        return Actions(environment.name, names)
    ends = (environment.own_action(jnp.asarray(end)) for end in (space.low, space.high))
    low, high = (np.asarray(end).tolist() for end in ends)
    return Actions(environment.name, bounds=tuple(zip(low, high, strict=True)))


def takes(environment: Environment) -> str:
    """What is read of a command line, for people."""
    where = f"an observation of {environment.name}"
    if environment.states is not None:
        return f"{where}: a number from 0 to {environment.states - 1}"
    shape, count = environment.observation_shape, math.prod(environment.observation_shape)
    sizes = f"{' x '.join(map(str, shape))} = {count}" if len(shape) > 1 else f"{count}"
    return f"{where}: {sizes} numbers as a JSON list, or a file that holds it"


def read_observation(word: str, environment: Environment, *, in_time: bool = False) -> Own:
    """An observation as `observation`, float32 `[1, *observation_shape]`; int32 `[1]` of states.

    Numbers in one list are put in the shape of an observation, row after row.

    Args:
        word: JSON, the brackets of a list of numbers being optional; or a file that holds it.
        environment: whose.
        in_time: whether a list of observations is read, `[1, time, *observation_shape]`; one
            alone is one step.

    Raises:
        Mistake: it is none, or its length is wrong, or it holds what is no number.
    """
    found, name = _parse(word, environment)
    shape = environment.observation_shape
    array = np.asarray(found, np.float64)
    count = math.prod(shape)
    if in_time and array.ndim > 1 and array[0].size == count:
        array = array.reshape(1, len(array), *shape)
    elif array.size == count:
        array = array.reshape((1, 1, *shape) if in_time else (1, *shape))
    else:
        raise Mistake(f"{name} has {_numbers(array.size)}; this model takes {takes(environment)}")
    states = environment.states
    if states is None:
        return Own(name, {"observation": array.astype(np.float32)})
    for value in array.flat:
        if value != int(value) or not 0 <= value < states:
            raise Mistake(f"{value:g} is no state; this model takes {takes(environment)}")
    return Own(name, {"observation": array.astype(np.int32)})


def _parse(word: str, environment: Environment) -> tuple[Any, str]:
    """Numbers, nested as they were given, and what the input is called."""
    text, name = read_own(word)
    bare = text.strip()
    try:
        found = json.loads(bare if bare.startswith("[") else f"[{bare}]")
    except ValueError:
        raise Mistake(
            f"{name} is no list of numbers; this model takes {takes(environment)}"
        ) from None
    _check_numbers(found, name)
    try:
        np.asarray(found, np.float64)
    except ValueError:
        raise Mistake(
            f"{name}: its lists are not of one length; this model takes {takes(environment)}"
        ) from None
    return found, name


def _check_numbers(found: Any, name: str) -> None:
    for value in found if isinstance(found, list) else [found]:
        if isinstance(value, list):
            _check_numbers(value, name)
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise Mistake(f"{name}: {json.dumps(value)} is no number")
        elif not abs(value) <= LARGEST:
            raise Mistake(f"{name}: {json.dumps(value)[:20]} is not finite in float32")


def _numbers(count: int) -> str:
    return "1 number" if count == 1 else f"{count} numbers"
