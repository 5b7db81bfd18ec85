"""Recurrent layers against loops written out in NumPy, PyTorch's, and automatic differentiation."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.layers import recurrence
from research.layers.cells import CELLS, EPSILON
from research.layers.recurrent import (
    Recurrent,
    init_recurrent,
    init_uniform,
    recurrent,
    recurrent_step,
    resting,
)

pytestmark = pytest.mark.usefixtures("plainly_compiled")

UNITS, FEATURES, BATCH, TIME = 7, 3, 4, 9
assert_same = functools.partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-11)
"""To float64's precision."""


run = jax.jit(recurrent, static_argnums=0, static_argnames="reverse")
"""A layer as one program, compiled once for all tests."""


@functools.cache
def _started(name: str) -> Recurrent:
    return jax.jit(lambda key: init_recurrent(key, CELLS[name], FEATURES, UNITS))(jax.random.key(0))


def _case(name: str, time: int = TIME, batch: int = BATCH):
    """A cell, parameters of no special value, inputs and states that are not 0, in float64."""
    cell, params = CELLS[name], _started(name)
    generator = np.random.default_rng(0)
    params = jax.tree.map(
        lambda leaf: jnp.asarray(leaf + 0.3 * generator.normal(size=leaf.shape), jnp.float64),
        params,
    )
    inputs = jnp.asarray(generator.normal(size=(batch, time, FEATURES)))
    states = tuple(jnp.asarray(generator.normal(size=(batch, UNITS))) for _ in range(cell.states))
    return cell, params, inputs, states


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def _sigmoid(values):
    return 1 / (1 + np.exp(-values))


def _norm(others, name, values):
    mean = values.mean(-1, keepdims=True)
    deviation = np.sqrt(values.var(-1, keepdims=True) + EPSILON)
    return (values - mean) / deviation * others[f"{name}_scale"] + others[f"{name}_offset"]


def _written_out(name, params, now, states):
    """One step, gate by gate, as the papers have it."""
    params = jax.tree.map(np.asarray, params)
    others = params.others
    share, recurrent = now @ params.input_kernel + params.input_bias, (
        states[0] @ params.recurrent_kernel
    )  # fmt: skip
    if name == "simple":
        return (np.tanh(share + recurrent),)
    if name == "normalised_simple":
        return (np.tanh(_norm(others, "sum", share + recurrent)),)
    if name.startswith("normalised"):
        share = _norm(others, "input", share)
        recurrent = _norm(others, "recurrent", recurrent)
    if name.endswith("gru"):
        bias = others.get("recurrent_bias", 0)
        (xr, xz, xn), (hr, hz, hn) = np.split(share, 3, -1), np.split(recurrent, 3, -1)
        r, z = _sigmoid(xr + hr), _sigmoid(xz + hz)
        return ((1 - z) * np.tanh(xn + r * (hn + bias)) + z * states[0],)
    i, f, g, o = np.split(share + recurrent, 4, -1)
    peep = {gate: others.get(f"peep_{gate}", 0) for gate in ("enter", "forget", "leave")}
    c = _sigmoid(f + peep["forget"] * states[1]) * states[1]
    c = c + _sigmoid(i + peep["enter"] * states[1]) * np.tanh(g)
    seen = _norm(others, "cell", c) if name.startswith("normalised") else c
    return _sigmoid(o + peep["leave"] * c) * np.tanh(seen), c


@pytest.mark.parametrize("name", CELLS)
def test_a_layer_is_its_equations_step_by_step(name):
    cell, params, inputs, states = _case(name)
    outputs, last = run(cell, params, inputs, states)
    expected = tuple(np.asarray(state) for state in states)
    for time in range(TIME):
        expected = _written_out(name, params, np.asarray(inputs[:, time]), expected)
        assert_same(outputs[:, time], expected[0])
    for ours, theirs in zip(last, expected, strict=True):
        assert_same(ours, theirs)


def _plain(cell, params, inputs, states, mask, fresh, dropped):
    """The same by `recurrent_step` in a Python loop, for automatic differentiation."""
    outputs = []
    for time in range(inputs.shape[1]):
        before = tuple(jnp.where(fresh[:, time, None], 0.0, state) for state in states)
        shown = jnp.split((before[0] * dropped) @ params.recurrent_kernel, cell.gates, axis=-1)
        share = inputs[:, time] @ params.input_kernel + params.input_bias
        prepared = cell.prepare(params.others, tuple(jnp.split(share, cell.gates, axis=-1)))
        after = cell.step(params.others, prepared, tuple(shown), before)
        states = tuple(
            jnp.where(mask[:, time, None], new, old) for new, old in zip(after, before, strict=True)
        )
        outputs.append(states[0])
    return jnp.stack(outputs, 1), states


def _gradient(function, *given):
    def total(*given):
        outputs, last = function(*given)
        return jnp.sum(jnp.sin(outputs)) + sum(jnp.sum(state**3) for state in last)

    return jax.jit(jax.grad(total, argnums=(0, 1, 2, 3)))(*given)


def _interrupted(name: str):
    """A case, with all that can interrupt the loop: mask, fresh, dropped."""
    cell, params, inputs, states = _case(name, time=5)
    generator = np.random.default_rng(1)
    mask = jnp.asarray(generator.random((BATCH, 5)) < 0.7)
    fresh = jnp.asarray(generator.random((BATCH, 5)) < 0.2)
    dropped = (generator.random((BATCH, UNITS)) < 0.5) * generator.random((BATCH, UNITS))
    return cell, (params, inputs, states, jnp.asarray(dropped)), mask, fresh


@functools.cache
def _plain_gradient(name: str):
    cell, given, mask, fresh = _interrupted(name)
    plain = _gradient(lambda *given: _plain(cell, *given[:3], mask, fresh, given[3]), *given)
    uninterrupted = _gradient(lambda *given: recurrent(cell, *given[:3]), *given)  # control
    assert not np.allclose(uninterrupted[0].recurrent_kernel, plain[0].recurrent_kernel, rtol=1e-2)
    return plain


@pytest.mark.parametrize("wide", [1, UNITS + 1])
@pytest.mark.parametrize("name", CELLS)
def test_the_gradient_is_that_of_automatic_differentiation(name, wide, monkeypatch):
    """Through outputs and last states alike."""
    plain = _plain_gradient(name)
    monkeypatch.setattr(recurrence, "WIDE", wide)
    cell, given, mask, fresh = _interrupted(name)
    ours = _gradient(
        lambda *given: recurrent(cell, *given[:3], mask=mask, fresh=fresh, dropped=given[3]), *given
    )
    jax.tree.map(assert_same, ours, plain)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", ["gru", "normalised_lstm"])
def test_what_is_computed_once_more_is_the_same(name, reverse):
    cell, params, inputs, states = _case(name)
    mask = jnp.asarray(np.random.default_rng(1).random((BATCH, TIME)) < 0.7)

    def told(segment):
        def total(params, inputs, states):
            outputs, last = recurrent(
                cell, params, inputs, states, mask=mask, reverse=reverse, segment=segment
            )
            return jnp.sum(jnp.sin(outputs)) + sum(jnp.sum(state**3) for state in last), outputs

        gradient = jax.jit(jax.grad(total, (0, 1, 2), has_aux=True))
        return gradient(params, inputs, states)

    jax.tree.map(assert_same, told(3), told(0))


def test_segments_need_less_memory():
    cell, params, _, _ = _case("gru")
    inputs = jnp.zeros((BATCH, 256, FEATURES))

    def needed(segment):
        def total(params):
            return jnp.sum(recurrent(cell, params, inputs, segment=segment)[0] ** 2)

        compiled = jax.jit(jax.grad(total)).lower(params).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert needed(16) < needed(0) / 3


@pytest.mark.parametrize("name", CELLS)
def test_numbers_of_symbols_are_unit_vectors(name):
    cell, params, _, states = _case(name)
    numbers = jnp.asarray(np.random.default_rng(2).integers(0, FEATURES, (BATCH, TIME)))

    @jax.jit
    def told(inputs):
        def total(params, states):
            outputs, last = recurrent(cell, params, inputs, states)
            return jnp.sum(jnp.sin(outputs)) + sum(jnp.sum(state) for state in last), outputs

        return jax.grad(total, (0, 1), has_aux=True)(params, states)

    by_number, by_vector = told(numbers), told(jax.nn.one_hot(numbers, FEATURES, dtype="float64"))
    jax.tree.map(assert_same, by_number, by_vector)
    assert not np.allclose(by_number[1], told((numbers + 1) % FEATURES)[1], rtol=1e-2)


ORACLES = {"simple": "RNN", "lstm": "LSTM", "gru": "GRU"}


@pytest.mark.parametrize("time", [1, 2, 9])
@pytest.mark.parametrize("name", ORACLES)
def test_outputs_and_gradients_equal_torch(name, time):
    torch = pytest.importorskip("torch", reason="requirements-oracles.txt is not installed")
    cell, params, inputs, states = _case(name, time)
    oracle = getattr(torch.nn, ORACLES[name])(FEATURES, UNITS, batch_first=True).double()

    def theirs(leaf, **options):
        return torch.tensor(np.asarray(leaf), **options)

    with torch.no_grad():
        oracle.weight_ih_l0.copy_(theirs(params.input_kernel).T)
        oracle.weight_hh_l0.copy_(theirs(params.recurrent_kernel).T)
        oracle.bias_ih_l0.copy_(theirs(params.input_bias))
        oracle.bias_hh_l0.zero_()
        if name == "gru":
            oracle.bias_hh_l0[2 * UNITS :] = theirs(params.others["recurrent_bias"])
    shown = theirs(inputs, requires_grad=True)
    begun = tuple(theirs(state)[None].requires_grad_() for state in states)
    expected, _ = oracle(shown, begun if len(begun) > 1 else begun[0])
    expected.square().sum().backward()

    def loss(params, inputs, states):
        outputs, _ = recurrent(cell, params, inputs, states)
        return jnp.sum(outputs**2), outputs

    gradients, outputs = jax.jit(jax.grad(loss, argnums=(0, 1, 2), has_aux=True))(
        params, inputs, states
    )
    assert_same(outputs, expected.detach().numpy())
    others = {"recurrent_bias": oracle.bias_hh_l0.grad[2 * UNITS :]} if name == "gru" else {}
    found = (
        Recurrent(
            oracle.weight_ih_l0.grad.T, oracle.bias_ih_l0.grad, oracle.weight_hh_l0.grad.T, others
        ),
        shown.grad,
        tuple(state.grad[0] for state in begun),
    )
    jax.tree.map(lambda a, b: assert_same(a, b.numpy()), gradients, found)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", ["simple", "lstm", "normalised_gru"])
def test_a_padded_batch_gives_what_each_sequence_gives_alone(name, reverse):
    cell, params, inputs, states = _case(name)
    lengths = (TIME, 1, 0, 5)
    mask = jnp.arange(TIME) < jnp.asarray(lengths)[:, None]
    poisoned = jnp.where(mask[..., None], inputs, 1e6)
    outputs, last = run(cell, params, poisoned, states, mask=mask, reverse=reverse)
    for row, length in enumerate(lengths):
        begun = tuple(state[row : row + 1] for state in states)
        if not length:
            for ours, before in zip(last, begun, strict=True):
                np.testing.assert_array_equal(ours[row], before[0])
            continue
        alone, end = run(cell, params, inputs[row : row + 1, :length], begun, reverse=reverse)
        assert_same(outputs[row, :length], alone[0])
        for ours, theirs in zip(last, end, strict=True):
            assert_same(ours[row], theirs[0])
    unmasked, _ = run(cell, params, poisoned, states, reverse=reverse)  # control
    assert not np.allclose(unmasked[3, 4 if reverse else -1], outputs[3, 4 if reverse else -1])

    def seen(inputs):
        return run(cell, params, inputs, states, mask=mask, reverse=reverse)[0].sum()

    gradient = jax.jit(jax.grad(seen))(inputs)
    assert not gradient[~mask].any() and gradient[mask].any(axis=-1).all()


@pytest.mark.parametrize("cut", [1, 4, TIME - 1])
@pytest.mark.parametrize("name", ["gru", "peephole_lstm"])
def test_carried_states_continue_as_if_uncut(name, cut):
    cell, params, inputs, states = _case(name)
    whole, last = run(cell, params, inputs, states)
    first, carried = run(cell, params, inputs[:, :cut], states)
    second, end = run(cell, params, inputs[:, cut:], carried)
    assert_same(jnp.concatenate([first, second], 1), whole)
    for ours, theirs in zip(end, last, strict=True):
        assert_same(ours, theirs)
    forgotten, _ = run(cell, params, inputs[:, cut:])  # control
    assert float(jnp.abs(forgotten[:, 0] - whole[:, cut]).max()) > 0.05


@pytest.mark.parametrize("name", CELLS)
def test_a_step_is_a_sequence_of_one(name):
    cell, params, inputs, states = _case(name)
    whole, _ = run(cell, params, inputs, states)
    after = recurrent_step(cell, params, inputs[:, 0], states)
    assert_same(after[0], whole[:, 0])
    # Any leading axes, or none.
    alone = recurrent_step(cell, params, inputs[0, 0], tuple(state[0] for state in states))
    assert_same(alone[0], whole[0, 0])
    rows = tuple(state[:2, None] for state in states)
    both = recurrent_step(cell, params, inputs[:2, None, 0], rows)
    assert_same(both[0][:, 0], whole[:2, 0])


@pytest.mark.parametrize("name", CELLS)
def test_one_symbol_is_a_row_of_the_kernel(name):
    cell, params, inputs, states = _case(name)
    symbols = jnp.arange(BATCH)[:, None] % inputs.shape[-1]
    shown, _ = run(cell, params, jax.nn.one_hot(symbols, inputs.shape[-1]), states)
    found, (hidden, *_) = run(cell, params, symbols, states)
    assert_same(found, shown)
    assert_same(hidden, found[:, 0])
    others, _ = run(cell, params, (symbols + 1) % inputs.shape[-1], states)  # control
    assert float(jnp.abs(others - found).max()) > 1e-3


def test_a_fresh_step_knows_nothing_of_those_before():
    """Cut where it begins anew, each row by itself; what came before has no gradient either."""
    cell, params, inputs, states = _case("lstm")
    fresh = np.zeros((BATCH, TIME), bool)
    fresh[0, 5] = fresh[1, 0] = fresh[2, [3, 4]] = True
    outputs, _ = run(cell, params, inputs, states, fresh=jnp.asarray(fresh))
    for row, start in ((0, 5), (1, 0), (2, 4)):
        anew, _ = run(cell, params, inputs[row : row + 1, start:])
        assert_same(outputs[row, start:], anew[0])
    through, _ = run(cell, params, inputs, states)  # control
    assert float(jnp.abs(through[0, 5] - outputs[0, 5]).max()) > 0.05
    np.testing.assert_array_equal(through[3], outputs[3])

    def after(inputs):
        return run(cell, params, inputs, states, fresh=jnp.asarray(fresh))[0][0, 5:].sum()

    later = jax.jit(jax.grad(after))(inputs)
    assert not later[0, :5].any() and later[0, 5:].any(axis=-1).all()


@pytest.mark.parametrize("name", CELLS)
def test_it_starts_as_the_papers_have_it(name):
    cell = CELLS[name]
    params = jax.jit(lambda key: init_recurrent(key, cell, 50, UNITS))(jax.random.key(3))
    bound = (6 / (50 + UNITS)) ** 0.5
    assert 0.95 * bound < float(jnp.abs(params.input_kernel).max()) <= bound
    for gate in jnp.split(params.recurrent_kernel, cell.gates, axis=1):
        np.testing.assert_allclose(gate @ gate.T, np.eye(UNITS), atol=1e-6)
    if cell.states == 2:
        assert params.input_bias.tolist() == [0] * UNITS + [1] * UNITS + [0] * 2 * UNITS
    assert all(not state.any() for state in resting(cell, (2, 3), UNITS))


@pytest.mark.parametrize("name", CELLS)
def test_it_starts_as_pytorch_does_where_that_is_asked_for(name):
    cell = CELLS[name]
    params = jax.jit(lambda key: init_uniform(key, cell, 50, UNITS))(jax.random.key(3))
    like = jax.eval_shape(lambda key: init_recurrent(key, cell, 50, UNITS), jax.random.key(3))
    assert jax.tree.structure(params) == jax.tree.structure(like)
    bound, leaves = UNITS**-0.5, jax.tree.leaves(params)
    assert all(float(jnp.abs(leaf).max()) <= bound for leaf in leaves)
    assert all(float(leaf.std()) > bound / 5 for leaf in leaves)
    assert len({float(leaf.reshape(-1)[0]) for leaf in leaves}) == len(leaves)
