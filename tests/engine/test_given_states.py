"""States of other runs in a program: arguments, never donated, one copy for all members."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.engine.digests import member_digests, record_leaves, state_digest
from research.engine.experiment import Glimpse, bind
from research.engine.leaves import Reader
from research.engine.population import Population, Seeded
from research.engine.program import Program
from tests.engine.toy import ToyFeed, make_toy


class Texts(Program):
    """A program that keeps the text of whatever it compiles."""

    texts: dict[str, str]

    def _call(self, name, jitted, *arguments):
        self.texts = {**getattr(self, "texts", {}), name: jitted.lower(*arguments).as_text()}
        return super()._call(name, jitted, *arguments)


def make_pulled(where: float):
    """The toy, whose parameters are pulled towards those of another run."""
    toy = make_toy(steps=8)

    def init(key, hyperparameters, inputs):
        state = toy.init(key, hyperparameters)
        return state._replace(params={**state.params, "b": inputs["other"]["b"]})

    def update(state, batch, key, inputs):
        state, seen = toy.update(state, batch, key)
        pulled = jax.tree.map(lambda p, to: p + 0.1 * (to - p), state.params, inputs["other"])
        return state._replace(params=pulled), seen

    def evaluate(state, batch, key, inputs):
        x = batch["x"] + inputs["other"]["b"]
        return toy.evaluate(state, {**batch, "x": x}, key)

    other = {"w": jnp.full((8, 8), where), "b": jnp.arange(8.0) * where}
    return toy._replace(
        init=init,
        update=update,
        evaluate=evaluate,
        glimpse=Glimpse(lambda state, key, inputs: inputs["other"]["w"] * 0 + state.params["w"]),
        judge=lambda state, evaluation, key, inputs: {
            "far": float(jnp.sum(inputs["other"]["b"] - state.half[0]))
        },
        inputs={"other": other},
    )


def trained(program: Program, seed: int = 3):
    """Leaves at the end, and the figures of the split."""
    carry = program.advance(program.initial(seed), None, 0, 5, fresh=True, halt=True)
    carry = program.advance(carry, None, 5, 8, fresh=False, halt=True)
    figures = program.read(program.evaluate(carry, "validation", 8), Reader())
    leaves = program.leaves(carry, Reader())
    first = leaves["state/params/w"].reshape(-1, 8, 8)[0]
    np.testing.assert_array_equal(program.glimpse(carry, 8), first)
    return leaves, figures


def test_they_are_arguments_of_one_program_and_stay_what_they_are():
    programs = [Texts(make_pulled(where), ToyFeed()) for where in (0.0, 1.0)]
    (first, seen), (second, others) = map(trained, programs)
    assert programs[0].texts == programs[1].texts
    assert set(programs[0].texts) == {"initial", "advance", "evaluate", "merge", "glimpse"}
    assert not np.array_equal(first["state/params/w"], second["state/params/w"])
    assert jax.tree.leaves(seen)[0] != jax.tree.leaves(others)[0]
    again, _ = trained(programs[1])
    assert record_leaves(again) == record_leaves(second)  # nothing was donated
    judge = programs[1].experiment.judge
    assert judge(programs[1].initial(3).state, None, None) == {"far": 28.0 - 8.0}

    # Control: what is bound beforehand is built in, and the programs differ.
    built = [bind(one, one.inputs) for one in map(make_pulled, (0.0, 1.0))]
    baked = [Texts(one, ToyFeed()) for one in built]
    (same, _), _ = map(trained, baked)
    assert baked[0].texts != baked[1].texts
    np.testing.assert_allclose(same["state/params/w"], first["state/params/w"], atol=1e-6)


@pytest.mark.parametrize("width", [1, 2])
def test_members_share_one_copy_and_have_the_bits_of_their_own_runs(width):
    experiment = make_pulled(1.0)
    members = [Seeded(offset, experiment.hyperparameters) for offset in range(3)]
    population = Population(experiment, ToyFeed(), members, width)
    leaves, figures = trained(population)
    alone = [trained(Program(experiment, ToyFeed()), 3 + k) for k in range(3)]
    if width == 1:
        digests = [state_digest(record_leaves(one)) for one, _ in alone]
        assert member_digests(leaves) == digests
    for k, (one, seen) in enumerate(alone):
        np.testing.assert_allclose(leaves["state/params/w"][k], one["state/params/w"], rtol=1e-5)
        found = [leaf[k] for leaf in jax.tree.leaves(figures)]
        np.testing.assert_allclose(found, jax.tree.leaves(seen), rtol=1e-5)


def test_without_any_an_experiment_is_what_it_was():
    experiment = make_toy()
    assert bind(experiment, experiment.inputs) is experiment
