"""Two branches that need not run are planted in a small net's step, and a graph shows them removed.

The net (two inputs, a hidden layer of tanh) learns x₁ x₂ from examples that each step draws. Three
further things are computed in the step. `nobody_reads` is thrown away: dead-code elimination
removes it. `how_far` is a metric alone: it stays in the step, and is removed where metrics are off.
`remember`, a running average, goes into the state: it stays in both. With `--use` the first goes
into the state as well, and stays too. Parameters are the same bits in all cases.

Look: python launch.py explain tour/pruned_graph --graph pruned.html
Run: python launch.py run tour/pruned_graph
Expected: test loss .00053
Time: 1 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from research.engine.experiment import Batch, Experiment, Hyperparameters, Key
from research.engine.metrics import Metrics, maximum, mean
from research.options.config import Config
from research.options.ranges import COUNT, POSITIVE

Params = dict[str, jax.Array]


class Learner(NamedTuple):
    """All that the next step depends on.

    Attributes:
        params: of the net, float32.
        remembered: float32 scalar, a running average of the loss.
        used: float32 scalar, what the planted branch gave where it is used, else 0.
    """

    params: Params
    remembered: jax.Array
    used: jax.Array
    hyperparameters: Hyperparameters


def predict(params: Params, x: jax.Array) -> jax.Array:
    """The prediction float32 `[batch]` for inputs float32 `[batch, 2]`."""
    hidden = jnp.tanh(x @ params["kernel"] + params["bias"])
    return hidden @ params["output"]


def squared_error(params: Params, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The mean squared error, and the predictions."""
    predicted = predict(params, x)
    return jnp.mean((predicted - y) ** 2), predicted


def nobody_reads(x: jax.Array) -> jax.Array:
    """The planted branch: how alike examples are, as an entropy."""
    alike = jax.nn.softmax(x @ x.T)
    return -jnp.sum(alike * jnp.log(alike))


def how_far(predicted: jax.Array, y: jax.Array) -> jax.Array:
    """What metrics alone read: the error beside the size of what was to be predicted."""
    return jnp.abs(predicted - y) / (1 + jnp.abs(y))


def remember(before: jax.Array, loss: jax.Array) -> jax.Array:
    """A running average."""
    return 0.99 * before + 0.01 * loss


@dataclass(frozen=True)
class PrunedGraph(Config):
    """Options."""

    steps: Annotated[int, "updates", COUNT] = 2000
    batch_size: Annotated[int, "examples in one update", COUNT] = 32
    hidden: Annotated[int, "units", COUNT] = 16
    use: Annotated[bool, "keep what the planted branch gives in the state: it is not removed"] = (
        False
    )
    learning_rate: Annotated[float, "the step size", POSITIVE] = 0.1

    def smoke(self) -> PrunedGraph:
        """A few steps."""
        return PrunedGraph(steps=20)

    def make(self) -> Experiment:
        """Gradient descent, with the planted branches."""

        def draw(key: Key) -> tuple[jax.Array, jax.Array]:
            x = jax.random.uniform(key, (self.batch_size, 2), minval=-1.0)
            return x, x[:, 0] * x[:, 1]

        def init(key: Key, hyperparameters: Hyperparameters) -> Learner:
            kernel, bias, output = jax.random.split(key, 3)
            params = {
                "kernel": jax.random.normal(kernel, (2, self.hidden)),
                "bias": jax.random.normal(bias, (self.hidden,)),
                "output": jax.random.normal(output, (self.hidden,)) / self.hidden,
            }
            return Learner(params, jnp.float32(0), jnp.float32(0), hyperparameters)

        def update(state: Learner, batch: Batch, key: Key) -> tuple[Learner, Metrics]:
            del batch
            x, y = draw(key)
            gradient = jax.value_and_grad(squared_error, has_aux=True)
            (loss, predicted), slopes = gradient(state.params, x, y)
            planted = nobody_reads(x)
            rate = state.hyperparameters["learning_rate"]
            state = Learner(
                jax.tree.map(lambda p, g: p - rate * g, state.params, slopes),
                remember(state.remembered, loss),
                planted if self.use else state.used,
                state.hyperparameters,
            )
            return state, {"loss": mean(loss), "largest": maximum(how_far(predicted, y))}

        def evaluate(state: Learner, batch: Batch, key: Key) -> Metrics:
            del batch
            loss, _ = squared_error(state.params, *draw(key))
            return {"loss": mean(loss)}

        return Experiment(
            init=init,
            update=update,
            evaluate=evaluate,
            steps=self.steps,
            items_per_step=self.batch_size,
            items="examples",
            evaluate_every=self.steps,
            watched=(),
            headline="test/loss",
        )


config = PrunedGraph()
