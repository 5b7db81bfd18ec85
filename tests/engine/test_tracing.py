"""What is traced once: an update, a group, what lies beyond a border; and the program is the same.

That no experiment's program changes by it is not shown here but by its recorded digests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from research.engine import metrics
from research.engine.experiment import Experiment
from research.engine.groups import AXIS, materialised, over_groups, traced_once
from research.engine.mesh import MEMBERS, over
from research.engine.program import Program
from research.layers import winograd_block as winograd
from research.layers.winograd_block import opaque_true, stage
from tests.engine.toy import ToyFeed


class Counted:
    """A function that counts how often Python runs it, which is once a trace."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.times = 0

    def __call__(self, *arguments: Any) -> Any:
        self.times += 1
        return self.function(*arguments)


def text_of(function: Callable[..., Any], *arguments: Any) -> str:
    return jax.jit(lambda *given: function(*given)).lower(*arguments).as_text()


def counted_experiment() -> tuple[Experiment, Counted]:
    def update(state: Any, batch: Any, key: Any) -> Any:
        value = jax.random.normal(key)
        return state + value, {"loss": metrics.mean(value)}

    counted = Counted(update)
    experiment = Experiment(
        init=lambda key, hyperparameters: jnp.float32(0),
        update=lambda *given: counted(*given),
        evaluate=lambda state, batch, key: {},
        steps=4,
        items_per_step=1,
        items="numbers",
        hyperparameters={},
    )
    return experiment, counted


def advanced(program: Program) -> None:
    for window in program.windows(0, 0, 4):
        carry = program.initial(0)
        program.advance(carry, window.arrays, 0, 4, fresh=True, halt=True)


def test_a_program_traces_its_update_once():
    experiment, counted = counted_experiment()
    advanced(Program(experiment, ToyFeed()))
    assert counted.times == 1


def group(rows: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    drawn = rows * jax.random.normal(key, rows.shape)
    return jnp.sum(drawn), drawn


def test_groups_borders_and_stages_trace_once_what_they_are_given():
    rows, key = jnp.arange(8.0).reshape(4, 2), jax.random.key(0)
    counted = Counted(group)
    jax.jit(lambda rows, key: over_groups(counted, 4, rows, key)).trace(rows, key)
    assert counted.times == 1

    def bordered(make: Callable[..., Any], x: jax.Array) -> Any:
        return materialised(lambda: make(x), x[0] < 1)

    def staged(make: Callable[..., Any], x: jax.Array) -> Any:
        return stage(lambda: make(x), opaque_true(x))

    for place in (bordered, staged):
        counted = Counted(jnp.sin)
        jax.jit(partial(place, counted)).trace(jnp.arange(3.0))
        assert counted.times == 1


def test_what_is_traced_once_is_written_out_where_it_is_used():
    def twice(function: Callable[..., Any], x: jax.Array) -> jax.Array:
        return function(x) * function(x + 1)

    counted = Counted(lambda x: jnp.tanh(x) @ x)
    x = jnp.ones((3, 3))
    plain = text_of(partial(twice, lambda x: jnp.tanh(x) @ x), x)
    assert text_of(partial(twice, traced_once(counted)), x) == plain
    assert counted.times == 1
    # Behind a call the compiler would see another program.
    assert text_of(partial(twice, jax.jit(counted)), x) != plain


def test_another_shape_and_other_static_arguments_are_traced_again():
    counted = Counted(lambda x, power: x**power)
    raised = traced_once(counted, static=(1,))
    x = jnp.arange(3.0)
    assert raised(x, 2).tolist() == [0, 1, 4] and raised(x, 3).tolist() == [0, 1, 8]
    assert raised(jnp.arange(2.0), 2).tolist() == [0, 1]
    assert counted.times == 3


def test_devices_that_share_groups_have_a_trace_of_their_own():
    once = traced_once(lambda rows, key: over_groups(group, 4, rows, key))
    rows, key = jnp.arange(8.0).reshape(4, 2), jax.random.key(0)
    alone = jax.jit(once).trace(rows, key).jaxpr
    mesh = jax.sharding.AbstractMesh((1, 2), (MEMBERS, AXIS))
    everywhere = jax.sharding.PartitionSpec()
    shared = jax.jit(over(mesh, once, everywhere, everywhere)).trace(rows, key).jaxpr
    assert "all_gather" in str(shared) and "all_gather" not in str(alone)


def test_layers_alike_are_traced_once(monkeypatch):
    times = Counter[str]()
    for name in ("inputs_along", "outputs_along", "inputs_back", "outputs_back"):
        function = getattr(winograd, name)

        def counted(*arguments: Any, name: str = name, function: Any = function) -> Any:
            times[name] += 1
            return function(*arguments)

        monkeypatch.setattr(winograd, name, counted)
    x, kernel, bias = jnp.ones((2, 5, 6, 4)), jnp.ones((3, 3, 4, 4)), jnp.ones(4)
    pads = ((1, 1), (1, 1))

    def net(layers: int, x: jax.Array) -> jax.Array:
        for _ in range(layers):
            x = winograd.winograd_block(x, kernel, bias, pads, True)
        return x.sum()

    jax.jit(jax.grad(partial(net, 1))).trace(x)
    once = dict(times)
    assert len(once) == 4
    jax.jit(jax.grad(partial(net, 3))).trace(x)
    assert dict(times) == once
