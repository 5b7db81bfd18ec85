from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from research.layers.factorisation import orthogonal
from research.rl.network import PolicyAndValue


def test_orthogonal_columns_and_scale():
    kernel = np.asarray(orthogonal(3.0)(jax.random.key(0), (16, 8)), np.float64)
    np.testing.assert_allclose(kernel.T @ kernel, 9 * np.eye(8), atol=1e-5)


def test_a_members_parameters_do_not_depend_on_how_many_there_are():
    network = PolicyAndValue(2, (16, 16))
    init = jax.jit(lambda key: network.init(key, jnp.zeros(4)))
    keys = jax.random.split(jax.random.key(0), 3)
    together = jax.jit(jax.vmap(init))(keys)
    alone = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(init(key) for key in keys))
    jax.tree.map(np.testing.assert_array_equal, together, alone)
    first, second = (jax.tree.leaves(init(key)) for key in keys[:2])
    assert any(not np.array_equal(left, right) for left, right in zip(first, second, strict=True))


def test_first_actions_are_all_but_uniform():
    network = PolicyAndValue(3, (32, 32))
    params = jax.jit(network.init)(jax.random.key(0), jnp.zeros(4))
    observations = jax.random.normal(jax.random.key(1), (50, 4))
    said, values = network.apply(params, observations)
    logits = said.logits
    assert logits.shape == (50, 3)
    assert values.shape == (50,)
    assert float(jnp.abs(logits).max()) < 0.05 < float(jnp.abs(values).max())
