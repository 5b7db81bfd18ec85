"""Attention against loops written out, PyTorch's, and itself with a cache."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.layers.attention import (
    AdditiveAttention,
    MultiHeadAttention,
    MultiplicativeAttention,
    attention_weights,
    dot_product_attention,
    empty_cache,
    rotate,
    sinusoids,
)

pytestmark = pytest.mark.usefixtures("plainly_compiled")

BATCH, QUERIES, KEYS, WIDTH, HEADS = 2, 3, 5, 8, 2
close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6)


def _normal(number, *shape):
    return jax.random.normal(jax.random.key(number), shape)


def test_who_may_see_nothing_takes_nothing_and_teaches_nothing():
    scores = _normal(0, BATCH, QUERIES, KEYS)
    mask = np.ones((BATCH, QUERIES, KEYS), bool)
    mask[0, 1] = False
    mask[1, 2, [0, 3]] = False
    weights = attention_weights(scores, jnp.asarray(mask))
    expected = np.exp(scores) * mask
    expected = expected / np.maximum(expected.sum(-1, keepdims=True), 1e-30)
    close(weights, expected)
    assert not weights[0, 1].any()
    gradient = jax.grad(lambda scores: jnp.sum(attention_weights(scores, mask) ** 2))(scores)
    assert jnp.isfinite(gradient).all() and not gradient[~mask].any() and gradient[0, 0].any()


def test_dot_product_attention_is_its_equation():
    query, key, value = _normal(0, QUERIES, 4), _normal(1, KEYS, 4), _normal(2, KEYS, 6)
    read, weights = dot_product_attention(query, key, value)
    for row in range(QUERIES):
        scores = np.array([np.dot(query[row], key[k]) / 2 for k in range(KEYS)])
        share = np.exp(scores) / np.exp(scores).sum()
        close(weights[row], share)
        close(read[row], share @ np.asarray(value))


@pytest.mark.parametrize("module", [AdditiveAttention(6), MultiplicativeAttention()])
def test_attention_of_recurrent_nets_is_its_equation_and_sees_what_is_there(module):
    query, memory = _normal(0, BATCH, QUERIES, 4), _normal(1, BATCH, KEYS, 7)
    mask = jnp.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)
    variables = module.init(jax.random.key(2), query, memory)
    read, weights = module.apply(variables, query, memory, mask)
    params = variables["params"]
    for row in range(BATCH):
        there = int(mask[row].sum())
        for q in range(QUERIES):
            if isinstance(module, AdditiveAttention):
                asked = query[row, q] @ params["query"]["kernel"] + params["query"]["bias"]
                hidden = np.tanh(asked + memory[row, :there] @ params["key"]["kernel"])
                scores = (hidden @ params["score"]["kernel"])[:, 0]
            else:
                scores = memory[row, :there] @ (query[row, q] @ params["general"]["kernel"])
            share = np.exp(scores) / np.exp(scores).sum()
            close(weights[row, q, :there], share)
            close(read[row, q], share @ np.asarray(memory[row, :there]))
    assert not weights[0, :, 3:].any()


def test_without_a_matrix_scores_are_products():
    query, memory = _normal(0, BATCH, QUERIES, 4), _normal(1, BATCH, KEYS, 4)
    module = MultiplicativeAttention(general=False)
    read, weights = module.apply({}, query, memory)
    close(weights, jax.nn.softmax(jnp.einsum("bqd,bkd->bqk", query, memory)))
    close(read, weights @ memory)


@pytest.mark.parametrize("causal", [False, True])
def test_outputs_and_gradients_equal_torch(causal):
    torch = pytest.importorskip("torch", reason="requirements-oracles.txt is not installed")
    with jax.enable_x64(True):
        module = MultiHeadAttention(HEADS, causal)
        inputs = jax.random.normal(jax.random.key(0), (BATCH, KEYS, WIDTH), jnp.float64)
        mask = jnp.array([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]], bool)
        params = module.init(jax.random.key(1), inputs)["params"]
        params = jax.tree.map(lambda leaf: leaf.astype(jnp.float64) + 0.1, params)

        def loss(params, inputs):
            outputs, weights, _ = module.apply({"params": params}, inputs, mask=mask)
            return jnp.sum(outputs**2), (outputs, weights)

        gradients, (outputs, weights) = jax.grad(loss, (0, 1), has_aux=True)(params, inputs)
    oracle = torch.nn.MultiheadAttention(WIDTH, HEADS, batch_first=True).double()
    names = ("query", "key", "value")
    with torch.no_grad():
        kernels = np.concatenate([params[name]["kernel"].T for name in names])
        oracle.in_proj_weight.copy_(torch.tensor(kernels))
        biases = np.concatenate([params[name]["bias"] for name in names])
        oracle.in_proj_bias.copy_(torch.tensor(biases))
        oracle.out_proj.weight.copy_(torch.tensor(np.asarray(params["output"]["kernel"].T)))
        oracle.out_proj.bias.copy_(torch.tensor(np.asarray(params["output"]["bias"])))
    shown = torch.tensor(np.asarray(inputs), requires_grad=True)
    later = torch.triu(torch.ones(KEYS, KEYS, dtype=torch.bool), 1) if causal else None
    expected, shares = oracle(
        shown, shown, shown, key_padding_mask=torch.tensor(~np.asarray(mask)), attn_mask=later,
        average_attn_weights=False,
    )  # fmt: skip
    expected.square().sum().backward()
    exact = functools.partial(np.testing.assert_allclose, rtol=1e-8, atol=1e-9)
    exact(outputs, expected.detach().numpy())
    exact(weights, shares.detach().numpy())
    exact(gradients[1], shown.grad.numpy())
    exact(
        np.concatenate([gradients[0][name]["kernel"].T for name in names]),
        oracle.in_proj_weight.grad.numpy(),
    )


@pytest.mark.parametrize("rotary", [False, True])
def test_a_cache_gives_what_the_whole_sequence_gives(rotary):
    module = MultiHeadAttention(HEADS, causal=True, rotary=rotary)
    inputs = _normal(0, BATCH, 7, WIDTH)
    variables = module.init(jax.random.key(1), inputs)
    whole, _, nothing = module.apply(variables, inputs)
    assert nothing is None
    cache, parts = empty_cache(BATCH, HEADS, 7, WIDTH // HEADS), []
    for start, stop in ((0, 3), (3, 4), (4, 7)):
        part, _, cache = module.apply(variables, inputs[:, start:stop], cache=cache)
        parts.append(part)
    close(jnp.concatenate(parts, axis=1), whole)
    assert int(cache.steps) == 7
    later = inputs.at[:, 4].add(1.0)
    changed, _, _ = module.apply(variables, later)
    close(changed[:, :4], whole[:, :4])
    assert float(jnp.abs(changed[:, 4:] - whole[:, 4:]).min(axis=(0, 2)).max()) > 0


def test_a_full_cache_forgets_the_oldest():
    """With room for three, the last step sees those three and itself."""
    module = MultiHeadAttention(HEADS, causal=True, rotary=True)
    inputs = _normal(0, 1, 6, WIDTH)
    variables = module.init(jax.random.key(1), inputs)
    cache = empty_cache(1, HEADS, 3, WIDTH // HEADS)
    for step in range(6):
        part, weights, cache = module.apply(variables, inputs[:, step : step + 1], cache=cache)
    assert weights.shape[-1] == 4 and weights.all()
    alone, _, _ = module.apply(variables, inputs[:, 2:])
    close(part[:, 0], alone[:, -1])


def test_rotated_products_depend_on_the_distance_alone():
    query, key = _normal(0, 1, 8), _normal(1, 1, 8)

    def product(first, second):
        return float(jnp.sum(rotate(query, jnp.array([first])) * rotate(key, jnp.array([second]))))

    assert product(3, 1) == pytest.approx(product(103, 101), rel=1e-4)
    assert product(3, 1) != pytest.approx(product(3, 2), rel=1e-2)
    turned = rotate(_normal(2, 4, 8), jnp.arange(4))
    close(jnp.linalg.norm(turned, axis=-1), jnp.linalg.norm(_normal(2, 4, 8), axis=-1))


def test_sinusoids_are_those_of_the_paper():
    table = sinusoids(50, 12)
    for place in (0, 1, 49):
        for pair in range(6):
            angle = place / 10_000 ** (2 * pair / 12)
            close(table[place, pair], np.sin(angle), atol=1e-5)
            close(table[place, 6 + pair], np.cos(angle), atol=1e-5)
