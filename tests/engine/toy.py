"""A small experiment with everything in it: parameters, keys in the state, maxima, a split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from research.engine import keys
from research.engine.checkpoint import Retention
from research.engine.experiment import Experiment, Window
from research.engine.identity import Identity
from research.engine.inputs import with_inputs
from research.engine.loop import Cadence
from research.engine.metrics import count, maximum, mean
from research.engine.opening import Surroundings
from research.engine.program import Program
from research.engine.record import Observer
from research.engine.run import Slicing, launch


class State(NamedTuple):
    params: dict[str, jax.Array]
    hyperparameters: dict[str, jax.Array]
    key: jax.Array
    nothing: jax.Array
    half: jax.Array


class ToyFeed:
    """Batches made of a key, and one split of seven examples in batches of four."""

    per_seed = False

    def fork(self) -> ToyFeed:
        return self

    def batch(self, arrays: Any, seed: jax.Array, step: jax.Array) -> jax.Array:
        return jax.random.normal(keys.at_step(keys.stream(seed, "data"), step), (16, 8))

    def windows(self, seed: int, start: int, stop: int) -> Iterator[Window]:
        if start < stop:
            yield Window(None, start, stop)

    def evaluation(self, split: str) -> Iterator[Any]:
        for first in (0, 4):
            x = np.arange(32, dtype=np.float32).reshape(4, 8) + first
            weight = np.array([1, 1, 1, first == 0], np.float32)
            yield {"x": x / 100, "weight": weight}

    def digests(self) -> Mapping[str, str]:
        return {"validation": "d" * 64}

    def waiting(self) -> None:
        return None

    def close(self) -> None:
        pass


def make_toy(steps: int = 60, learning_rate: float = 0.05, explode_at: int = -1) -> Experiment:
    def init(key: jax.Array, hyperparameters: dict[str, jax.Array]) -> State:
        weight_key, state_key = jax.random.split(key)
        params = {"w": jax.random.normal(weight_key, (8, 8)), "b": jnp.zeros(8)}
        return State(
            params, hyperparameters, state_key, jnp.zeros((0, 3)), jnp.ones(3, jnp.bfloat16)
        )

    def loss_of(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
        return jnp.mean(jnp.square(jnp.tanh(x @ params["w"] + params["b"]) - x[:, ::-1]), axis=1)

    def update(state: State, batch: jax.Array, key: jax.Array) -> tuple[State, Any]:
        noise = 0.1 * jax.random.normal(key, batch.shape)

        def total(params: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
            losses = loss_of(params, batch + noise)
            return jnp.mean(losses), losses

        (_, losses), gradient = jax.value_and_grad(total, has_aux=True)(state.params)
        rate = state.hyperparameters["learning_rate"]
        params = jax.tree.map(lambda p, g: p - rate * g, state.params, gradient)
        updates = state.hyperparameters["updates"] + 1
        if explode_at >= 0:
            params["b"] = jnp.where(updates == explode_at + 1, jnp.nan, params["b"])
            losses = jnp.where(updates == explode_at + 1, jnp.nan, losses)
        state = state._replace(
            params=params,
            hyperparameters={**state.hyperparameters, "updates": updates},
            key=jax.random.split(state.key)[0],
        )
        return state, {
            "loss": mean(losses),
            "large": count(losses > 1),
            "largest": maximum(losses),
            "never": mean(losses, 0.0),
        }

    def evaluate(state: State, batch: Any, key: jax.Array) -> Any:
        return {"loss": mean(loss_of(state.params, batch["x"]), batch["weight"])}

    return Experiment(
        init=init,
        update=update,
        evaluate=evaluate,
        steps=steps,
        items_per_step=16,
        items="examples",
        hyperparameters={"learning_rate": learning_rate, "updates": 0.0},
        evaluate_every=20,
        watched=("validation",),
        final=("test",),
    )


SURROUNDINGS = Surroundings(
    {"jax": "1", "pool_size": "8"}, {"experiments/toy.py": "c" * 64}, {"validation": "d" * 64}
)


def run_toy(
    directory: Path,
    program: Program,
    *,
    cadence: Cadence = Cadence(10, 20, 20),
    retention: Retention = Retention(),
    until: int | None = None,
    halt: bool = True,
    surroundings: Surroundings = SURROUNDINGS,
    observer: Any = None,
    seed: int = 0,
    initial: Any = None,
    cores: int | None = None,
) -> dict[str, Any]:
    inputs = {"initial": initial} if initial else {}
    identity = with_inputs(Identity("test/toy", {"size": 8}, seed), inputs)
    slicing = Slicing(cadence, retention, until, halt, cores)
    return launch(
        program,
        identity,
        directory,
        surroundings,
        slicing,
        observer or Observer(),
        inputs=inputs,
    )
