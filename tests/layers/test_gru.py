"""The GRU against flax's and PyTorch's, and its carried state against one long pass."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.layers.gru import GRU, gru, gru_step, init_gru

UNITS, FEATURES, BATCH, TIME = 7, 3, 4, 20


@pytest.fixture(scope="module")
def case():
    """Parameters, inputs and a hidden state that is not 0."""
    keys = jax.random.split(jax.random.key(0), 3)
    params = jax.jit(lambda key: init_gru(key, FEATURES, UNITS))(keys[0])
    params = jax.tree.map(lambda leaf: 2 * leaf, params)
    inputs = jax.random.normal(keys[1], (BATCH, TIME, FEATURES))
    return params, inputs, jax.random.normal(keys[2], (BATCH, UNITS))


def _gates(matrix):
    return jnp.split(matrix, 3, axis=-1)


def test_equals_flax(case):
    params, inputs, hidden = case
    tree = {}
    kernels = zip("rzn", _gates(params.input_kernel), _gates(params.input_bias), strict=True)
    for gate, kernel, bias in kernels:
        tree[f"i{gate}"] = {"kernel": kernel, "bias": bias}
    for gate, kernel in zip("rzn", _gates(params.recurrent_kernel), strict=True):
        tree[f"h{gate}"] = {"kernel": kernel}
    tree["hn"]["bias"] = params.recurrent_bias
    cell = nn.GRUCell(UNITS)
    step = jax.jit(lambda hidden, now: cell.apply({"params": tree}, hidden, now))
    outputs, last = jax.jit(gru)(params, inputs, hidden)
    for time in range(TIME):
        hidden, _ = step(hidden, inputs[:, time])
        np.testing.assert_allclose(outputs[:, time], hidden, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(last, outputs[:, -1])


def test_outputs_and_gradients_equal_torch(case):
    torch = pytest.importorskip("torch", reason="requirements-oracles.txt is not installed")
    params, inputs, hidden = case
    oracle = torch.nn.GRU(FEATURES, UNITS, batch_first=True)
    as_torch = {name: torch.tensor(np.asarray(leaf)) for name, leaf in params._asdict().items()}
    with torch.no_grad():
        oracle.weight_ih_l0.copy_(as_torch["input_kernel"].T)
        oracle.weight_hh_l0.copy_(as_torch["recurrent_kernel"].T)
        oracle.bias_ih_l0.copy_(as_torch["input_bias"])
        oracle.bias_hh_l0.zero_()
        oracle.bias_hh_l0[2 * UNITS :] = as_torch["recurrent_bias"]
    expected, _ = oracle(torch.tensor(np.asarray(inputs)), torch.tensor(np.asarray(hidden))[None])
    expected.square().sum().backward()

    def loss(params):
        outputs, _ = gru(params, inputs, hidden)
        return jnp.sum(outputs**2), outputs

    gradients, outputs = jax.jit(jax.grad(loss, has_aux=True))(params)
    np.testing.assert_allclose(outputs, expected.detach().numpy(), rtol=1e-5, atol=1e-6)
    oracle_gradients = GRU(
        oracle.weight_ih_l0.grad.T,
        oracle.bias_ih_l0.grad,
        oracle.weight_hh_l0.grad.T,
        oracle.bias_hh_l0.grad[2 * UNITS :],
    )
    for ours, theirs in zip(gradients, oracle_gradients, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cut", [1, 10, 19])
def test_carried_state_continues_as_if_uncut(case, cut):
    params, inputs, hidden = case
    whole, last = gru(params, inputs, hidden)
    first, carried = gru(params, inputs[:, :cut], hidden)
    second, end = gru(params, inputs[:, cut:], carried)
    np.testing.assert_allclose(jnp.concatenate([first, second], 1), whole, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(end, last, rtol=1e-6, atol=1e-6)
    forgotten, _ = gru(params, inputs[:, cut:], jnp.zeros_like(hidden))  # control
    assert float(jnp.abs(forgotten[:, 0] - whole[:, cut]).max()) > 0.05


def test_a_step_is_a_sequence_of_one(case):
    params, inputs, hidden = case
    whole, _ = gru(params, inputs, hidden)
    for time in range(3):
        hidden = gru_step(params, inputs[:, time], hidden)
        np.testing.assert_allclose(hidden, whole[:, time], rtol=1e-6, atol=1e-6)
    # Any leading axes, or none.
    alone = gru_step(params, inputs[0, 3], hidden[0])
    np.testing.assert_allclose(alone, whole[0, 3], rtol=1e-6, atol=1e-6)
    both = gru_step(params, inputs[:2, None, 3], hidden[:2, None])
    np.testing.assert_allclose(both[:, 0], whole[:2, 3], rtol=1e-6, atol=1e-6)


def test_a_fresh_step_knows_nothing_of_those_before(case):
    """Cut where it begins anew, each row by itself; what came before has no gradient either."""
    params, inputs, hidden = case
    fresh = np.zeros((BATCH, TIME), bool)
    fresh[0, 5] = fresh[1, 0] = fresh[2, [3, 4]] = True
    outputs, last = gru(params, inputs, hidden, jnp.asarray(fresh))
    step = jax.jit(gru_step)
    for row in range(BATCH):
        state, expected = hidden[row], []
        for time in range(TIME):
            if fresh[row, time]:
                state = jnp.zeros_like(state)
            state = step(params, inputs[row, time], state)
            expected.append(state)
        np.testing.assert_allclose(outputs[row], jnp.stack(expected), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(last, outputs[:, -1])
    through, _ = gru(params, inputs, hidden)  # control
    assert float(jnp.abs(through[0, 5] - outputs[0, 5]).max()) > 0.05
    np.testing.assert_array_equal(through[3], outputs[3])
    later = jax.grad(lambda inputs: gru(params, inputs, hidden, fresh)[0][0, 5:].sum())(inputs)
    assert not later[0, :5].any() and later[0, 5:].any(axis=-1).all()
