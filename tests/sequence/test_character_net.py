"""A transformer of characters: causality, caches, dropout."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.sequence.characters.character_net import CharacterTransformer

pytestmark = pytest.mark.usefixtures("plainly_compiled")

BATCH, WIDTH, HEADS = 2, 8, 2
close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def net():
    module = CharacterTransformer(5, 2, WIDTH, HEADS, context=12)
    numbers = jax.random.randint(jax.random.key(0), (BATCH, 12), 0, 5)
    variables = jax.jit(module.init)(jax.random.key(1), numbers)
    return module, variables, numbers


def test_a_character_is_not_seen_before_it_comes(net):
    module, variables, numbers = net
    logits, states = module.apply(variables, numbers)
    assert logits.shape == (BATCH, 12, 5) and states == ()
    changed, _ = module.apply(variables, numbers.at[:, 7].set((numbers[:, 7] + 1) % 5))
    close(changed[:, :7], logits[:, :7])
    assert float(jnp.abs(changed[:, 7:] - logits[:, 7:]).max(axis=(0, 2)).min()) > 1e-4


def test_written_step_by_step_it_says_what_it_says_of_the_whole(net):
    module, variables, numbers = net
    whole, _ = module.apply(variables, numbers)
    logits, states = module.apply(variables, numbers[:, :5], module.resting(BATCH))
    close(logits, whole[:, :5])
    step = jax.jit(module.apply)
    for time in range(5, 12):
        logits, states = step(variables, numbers[:, time : time + 1], states)
        close(logits[:, 0], whole[:, time])


def test_dropout_acts_in_training_alone(net):
    module, variables, numbers = net

    def trained(key, rate):
        rngs = {"dropout": jax.random.key(key)}
        return module.apply(variables, numbers, training=True, dropout_rate=rate, rngs=rngs)[0]

    still, _ = module.apply(variables, numbers, dropout_rate=0.5)
    close(trained(0, 0.0), still)
    assert not np.allclose(trained(0, 0.5), trained(1, 0.5), rtol=0.01)
