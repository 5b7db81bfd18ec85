"""What nothing needs is shown as removed, what is needed stays, and the rest computes the same."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxpr_as_fun
from jax.interpreters.partial_eval import dce_jaxpr

from experiments.tour.pruned_graph import PrunedGraph
from research.engine.experiment import traced as traced_floats
from research.graphs.blocks import Block
from research.graphs.costs import inner_programs
from research.graphs.stages import trace
from research.graphs.tracing import Trace
from research.options.catalog import ROOT
from research.options.config import make_experiment

BRANCHES = ("nobody_reads", "how_far", "remember", "predict")


def step_of(config):
    """One traced update, and whether each of its results is part of the new state."""
    experiment = make_experiment(config)
    key = jax.random.key(3)
    state = experiment.init(key, traced_floats(experiment.hyperparameters))

    def update(state, batch, key):
        state, metrics = experiment.update(state, batch, key)
        return {"metric": metrics, "new": state}

    step = trace("update", "", update, {"state": state, "batch": None, "key": key})
    return step, [name.startswith("new/") for name in step.results], (state, None, key)


def block_of(step, wanted):
    return Trace(ROOT / "experiments").block(step.traced.jaxpr.jaxpr, wanted)


def removed(block: Block) -> dict[str, set[bool]]:
    """Branch -> whether its operations are removed: all, none or some of them."""
    return {
        branch: {op.removed for op in block.ops if branch in op.path and "forward" not in op.path}
        or {op.removed for op in block.ops if branch in op.path}
        for branch in BRANCHES
    }


def test_a_planted_branch_is_removed_and_one_for_metrics_alone_where_they_are_off():
    step, state_alone, _ = step_of(PrunedGraph())
    with_metrics = removed(block_of(step, [True] * len(state_alone)))
    assert with_metrics["nobody_reads"] == {True}
    assert with_metrics["how_far"] == with_metrics["remember"] == {False}
    without = removed(block_of(step, state_alone))
    assert without["nobody_reads"] == without["how_far"] == {True}
    assert without["remember"] == {False}


def test_a_branch_that_is_used_stays():
    step, state_alone, _ = step_of(PrunedGraph(use=True))
    for wanted in ([True] * len(state_alone), state_alone):
        assert removed(block_of(step, wanted))["nobody_reads"] == {False}


def equations(jaxpr) -> int:
    """Equations that hold no program, at any depth."""
    inside = [[inner for _, inner in inner_programs(equation)] for equation in jaxpr.eqns]
    return sum(sum(map(equations, inner)) if inner else 1 for inner in inside)


def test_what_is_left_is_what_jax_leaves_and_gives_the_same_bits():
    step, state_alone, arguments = step_of(PrunedGraph())
    jaxpr = step.traced.jaxpr
    pruned, used = dce_jaxpr(jaxpr.jaxpr, state_alone)
    totals = block_of(step, state_alone).kept.totals
    assert totals.operations == equations(pruned) < equations(jaxpr.jaxpr)
    assert totals.removed == 0
    leaves = jax.tree.leaves(arguments)
    whole = jax.jit(jaxpr_as_fun(jaxpr))(*leaves)
    left = jax.jit(jaxpr_as_fun(jaxpr.replace(jaxpr=pruned)))(
        *(leaf for leaf, read in zip(leaves, used, strict=True) if read)
    )
    wanted = [value for value, keep in zip(whole, state_alone, strict=True) if keep]
    assert len(left) == len(wanted) > 3
    assert bits(left) == bits(wanted)
    # The check sees a branch that does change the state.
    step, _, arguments = step_of(PrunedGraph(use=True))
    other = jax.jit(jaxpr_as_fun(step.traced.jaxpr))(*jax.tree.leaves(arguments))
    assert bits(other) != bits(whole)


def bits(values):
    return [np.asarray(value).tobytes() for value in values]


def dead_in_a_scan(x):
    def turn(carry, _):
        return carry * 2, jnp.sin(carry)

    return jax.lax.scan(turn, x, length=5)


def dead_in_a_branch(x):
    def one(x):
        return x + 1, jnp.sin(x)

    return jax.lax.cond(x > 0, one, lambda x: (x, jnp.cos(x)), x)


def fed_for_nothing(x):
    """The sine is an argument of a function that does not read it."""
    return jax.jit(lambda used, unused: used + 1)(x, jnp.sin(x)), jnp.cos(x)


@pytest.mark.parametrize(
    "function", [dead_in_a_scan, dead_in_a_branch, jax.jit(dead_in_a_scan), fed_for_nothing]
)
def test_what_is_dead_inside_a_loop_a_branch_or_a_function_is_marked_there(function):
    jaxpr = jax.make_jaxpr(function)(1.0).jaxpr
    block = Trace(ROOT / "experiments").block(jaxpr, [True, False])
    pruned, _ = dce_jaxpr(jaxpr, [True, False])
    assert block.totals.removed == equations(jaxpr) - equations(pruned) > 0
    assert block.kept.totals.operations == equations(pruned)
    whole = Trace(ROOT / "experiments").block(dce_jaxpr(jaxpr, [True, True])[0], [True, True])
    assert whole.totals.removed == 0 and whole.kept is whole


def test_the_longest_chain_and_what_may_run_at_once():
    def two_chains(x, y):
        for _ in range(5):
            x = jnp.sin(x)
        return x + jnp.cos(y)

    jaxpr = jax.make_jaxpr(two_chains)(1.0, 1.0).jaxpr
    block = Trace(ROOT / "experiments").block(jaxpr, [True])
    assert (block.totals.work, block.totals.chain) == (7, 6)
    assert [op.name for at, op in enumerate(block.ops) if at not in block.critical] == ["cos"]
    scan = Trace(ROOT / "experiments").block(jax.make_jaxpr(dead_in_a_scan)(1.0).jaxpr, [True] * 2)
    assert (scan.totals.operations, scan.totals.work, scan.totals.chain) == (2, 10, 5)
