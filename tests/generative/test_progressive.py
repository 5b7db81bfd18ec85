"""Nets that grow: what a fade goes between, what stays as it is, and a run cut where they grow."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.generative.digits_progressive import config as digits
from research.engine.digests import record_leaves, state_digest
from research.engine.experiment import traced
from research.engine.leaves import Reader
from research.engine.program import Program
from research.generative.growing_nets import GrowingDiscriminator, GrowingGenerator
from research.generative.growth import Growth
from research.generative.progressive import Progressive
from research.options.assembly import AS_IT_FITS, open_experiment
from research.options.catalog import ROOT, catalog, load, resolve
from research.options.config import make_experiment, problems_of
from tests.generative.test_autoencoder import batch

pytestmark = pytest.mark.usefixtures("plainly_compiled")

SHAPE, LAYERS = (12, 8, 1), (5, 4, 3)
GROWTH = Growth((4, 10), 3)


def image() -> jax.Array:
    return jax.random.uniform(jax.random.key(1), (3, *SHAPE))


@pytest.fixture(scope="module")
def nets() -> dict[str, Any]:
    """What each net makes of fixed inputs, by its level and share."""
    generator, discriminator = GrowingGenerator(SHAPE, LAYERS), GrowingDiscriminator(LAYERS)
    code, x = jax.random.normal(jax.random.key(0), (3, 6)), image()
    init = jax.jit(partial(generator.init, training=True))
    made = partial(generator.apply, init(jax.random.key(2), code), code, training=True)
    params = jax.jit(discriminator.init)(jax.random.key(3), x)
    seen = partial(discriminator.apply, params, x)
    return {
        name: jax.jit(
            lambda level=None, share=1.0, net=net: net(level=level, share=share),
            static_argnames="level",
        )
        for name, net in (("generator", made), ("discriminator", seen))
    }


@pytest.mark.parametrize("name", ["generator", "discriminator"])
def test_a_fade_goes_from_the_level_below_to_the_level_itself(
    nets: dict[str, Any], name: str
) -> None:
    net = nets[name]
    whole = net()
    np.testing.assert_allclose(whole, net(level=2, share=1.0), rtol=1e-5)
    for level in (1, 2):
        below = net(level=level - 1, share=1.0)
        np.testing.assert_allclose(net(level=level, share=0.0), below, rtol=1e-5)
        shares = [net(level=level, share=share) for share in (0.0, 0.5, 1.0)]
        for one, other in itertools.pairwise(shares):
            assert not np.allclose(one, other, rtol=1e-3)
    assert not np.allclose(whole, net(level=1, share=1.0), rtol=1e-3)


def test_images_are_as_coarse_as_their_level(nets: dict[str, Any]) -> None:
    for level, side in ((0, 4), (1, 2), (2, 1)):
        made = np.asarray(nets["generator"](level=level))
        tiles = made.reshape(3, 12 // side, side, 8 // side, side, 1)
        np.testing.assert_array_equal(tiles, np.broadcast_to(tiles[:, :, :1, :, :1], tiles.shape))


def test_true_images_are_faded_as_made_ones_are() -> None:
    x = image()
    np.testing.assert_array_equal(GROWTH.blur(x, {}), x)
    for level, side in ((1, 4), (2, 2)):
        stage = {"level": level, "share": 0.0}
        coarse = np.asarray(GROWTH.blur(x, stage))
        tiles = np.asarray(x).reshape(3, 12 // side, side, 8 // side, side, 1)
        expected = np.broadcast_to(tiles.mean((2, 4), keepdims=True), tiles.shape)
        np.testing.assert_allclose(coarse, expected.reshape(x.shape), rtol=1e-5)
        half = GROWTH.blur(x, {"level": level, "share": 0.5})
        np.testing.assert_allclose(half, (coarse + x) / 2, rtol=1e-5)
        np.testing.assert_array_equal(GROWTH.blur(x, {"level": level, "share": 1.0}), x)


def test_a_stage_is_a_function_of_the_step() -> None:
    def at(step: int) -> tuple[int, float]:
        found = GROWTH.at(
            jnp.int32(step), lambda stage: jnp.stack([stage["level"], stage.get("share", 1.0)])
        )
        return int(found[0]), float(found[1])

    found = [at(step) for step in range(14)]
    assert [level for level, _ in found] == [0] * 4 + [1] * 6 + [2] * 4
    third = pytest.approx(1 / 3)
    assert [share for _, share in found][3:8] == [1, third, pytest.approx(2 / 3), 1, 1]
    assert [step for step in range(14) if GROWTH.begins(jnp.int32(step))] == [4, 10]


def leaves_of(tree: Any) -> dict[str, np.ndarray]:
    return {
        jax.tree_util.keystr(path): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def test_layers_that_are_not_grown_do_not_change_and_begin_without_a_past() -> None:
    config = replace(digits, examples=64, batch_size=16, groups=1, features="", measured=10)
    config = replace(config, level_epochs=(1,), epochs=1, fade_epochs=1)
    experiment = make_experiment(config)
    update, growing = jax.jit(experiment.update), 4  # steps in an epoch
    states = [jax.jit(experiment.init)(jax.random.key(0), traced(experiment.hyperparameters))]
    for step in range(growing + 2):
        state, _ = update(states[-1], batch(step), jax.random.key(step))
        states.append(state)
    unused = {
        "generator": ("convolutions_1", "to_image_1"),
        "discriminator": ("convolutions_1", "from_image_1"),
    }
    for side, names in unused.items():
        begun, before, after, later = (
            getattr(states[at], side) for at in (0, growing, growing + 1, growing + 2)
        )
        start, end = leaves_of(begun.params), leaves_of(before.params)
        still = {name for name in start if np.array_equal(start[name], end[name])}
        assert still == {name for name in start if any(part in name for part in names)}
        moments = leaves_of(before.opt_state[0].mu) | leaves_of(before.opt_state[0].nu)
        assert still == {name for name, moment in moments.items() if not np.any(moment)}
        moved = leaves_of(after.params)
        assert all(not np.array_equal(end[name], moved[name]) for name in end)
        counts = [int(one.opt_state[0].count) for one in (before, after, later)]
        assert counts == [growing, 1, 2]


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    named = load(resolve("digits_progressive", catalog()))
    config = replace(named.config.smoke(), examples=128, features="")
    with open_experiment(named, config, AS_IT_FITS, ROOT) as ready:
        yield ready.program


def digest_of(program: Program, cuts: tuple[int, ...]) -> str:
    """That of the state after all steps, saved and restored at each cut."""
    reader, leaves = Reader(), None
    steps = program.experiment.steps
    for start, stop in zip((0, *cuts), (*cuts, steps), strict=True):
        carry = program.initial(0) if leaves is None else program.place(leaves)
        for window in program.windows(0, start, stop):
            bounds = window.start, window.stop
            carry = program.advance(carry, window.arrays, *bounds, fresh=False, halt=True)
        leaves = program.leaves(carry, reader)
    assert leaves is not None
    return state_digest(record_leaves(leaves))


def test_a_run_cut_where_the_nets_grow_has_the_same_bits(program: Program) -> None:
    steps = program.experiment.steps
    grows = steps // 2
    whole = digest_of(program, ())
    for cuts in ((grows - 1,), (grows,), (grows + 1,), (1, grows - 1, grows, grows + 1)):
        assert digest_of(program, cuts) == whole
    assert program.compilations["advance"] == 1


SMALL = Progressive(
    generator=partial(GrowingGenerator, layers=LAYERS[:2]),
    discriminator=partial(GrowingDiscriminator, layers=LAYERS[:2]),
    data_set="digits",
    examples=64,
    features="",
)


@pytest.mark.parametrize(
    "config, words",
    [
        (replace(SMALL, level_epochs=(1, 2)), "a number for each of the 1 sizes before the last"),
        (replace(SMALL, level_epochs=(9,), epochs=2), "--fade-epochs must be at most 2"),
    ],
)
def test_phases_that_do_not_add_up_are_said(config: Progressive, words: str) -> None:
    assert any(words in problem for problem in problems_of(config)), problems_of(config)
    assert not problems_of(replace(SMALL, level_epochs=(1,)))
