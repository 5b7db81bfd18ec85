"""Transformer blocks: masks, and parity with PyTorch's layers."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.layers.transformer import Block

pytestmark = pytest.mark.usefixtures("plainly_compiled")

BATCH, TIME, WIDTH, HEADS, HIDDEN = 2, 6, 8, 2, 16
close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)


def test_what_is_masked_is_not_seen_and_a_row_of_it_is_finite():
    block = Block(HEADS, HIDDEN)
    inputs = jax.random.normal(jax.random.key(0), (BATCH, TIME, WIDTH))
    mask = jnp.array([[1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0]], bool)
    variables = block.init(jax.random.key(1), inputs)
    outputs, _, _ = block.apply(variables, inputs, mask)
    alone, _, _ = block.apply(variables, inputs[:1, :3])
    close(outputs[0, :3], alone[0])
    assert jnp.isfinite(outputs).all()


@pytest.mark.parametrize("decoder", [False, True])
def test_a_block_equals_torchs(decoder):
    torch = pytest.importorskip("torch", reason="requirements-oracles.txt is not installed")
    kind = torch.nn.TransformerDecoderLayer if decoder else torch.nn.TransformerEncoderLayer
    oracle = kind(
        WIDTH, HEADS, HIDDEN, 0.0, torch.nn.functional.gelu, batch_first=True, norm_first=True
    ).double().eval()  # fmt: skip
    block = Block(HEADS, HIDDEN, causal=decoder)
    with jax.enable_x64(True):
        inputs = jax.random.normal(jax.random.key(0), (BATCH, TIME, WIDTH), jnp.float64)
        memory = jax.random.normal(jax.random.key(1), (BATCH, 4, WIDTH), jnp.float64)
        given = memory if decoder else None
        params = block.init(jax.random.key(2), inputs, memory=given)["params"]
        params = jax.tree.map(
            lambda leaf: jnp.asarray(np.random.default_rng(leaf.size).normal(size=leaf.shape)),
            params,
        )
        outputs, _, weights = block.apply({"params": params}, inputs, memory=given)
    state = {}

    def put(name, tree):
        state[f"{name}.weight"] = tree["kernel"].T if "kernel" in tree else tree["scale"]
        state[f"{name}.bias"] = tree["bias"]

    def put_attention(name, tree):
        parts = [tree[part] for part in ("query", "key", "value")]
        state[f"{name}.in_proj_weight"] = np.concatenate([part["kernel"].T for part in parts])
        state[f"{name}.in_proj_bias"] = np.concatenate([part["bias"] for part in parts])
        put(f"{name}.out_proj", tree["output"])

    put_attention("self_attn", params["attention"])
    if decoder:
        put_attention("multihead_attn", params["memory"])
    for number in range(3 if decoder else 2):
        put(f"norm{number + 1}", params[f"LayerNorm_{number}"])
    put("linear1", params["Dense_0"])
    put("linear2", params["Dense_1"])
    oracle.load_state_dict({name: torch.tensor(np.asarray(leaf)) for name, leaf in state.items()})
    for module in oracle.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.eps = 1e-6  # flax's
    shown = torch.tensor(np.asarray(inputs))
    if decoder:
        later = torch.triu(torch.ones(TIME, TIME, dtype=torch.bool), 1)
        expected = oracle(shown, torch.tensor(np.asarray(memory)), tgt_mask=later)
        assert weights.shape == (BATCH, HEADS, TIME, 4)
    else:
        expected = oracle(shown)
    np.testing.assert_allclose(outputs, expected.detach().numpy(), rtol=1e-6, atol=1e-6)
