"""JAX in miniature against JAX: values, derivatives of all orders, batches, dead code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.autodiff.miniature import arithmetic as mini
from research.autodiff.miniature.axes import broadcast_to, permute, reduce_sum, reshape
from research.autodiff.miniature.batching import vmap
from research.autodiff.miniature.differentiation import (
    grad,
    jvp,
    linear_transpose,
    linearize,
    transpose,
    vjp,
)
from research.autodiff.miniature.program import eliminate_dead_code, partial_evaluate
from research.autodiff.miniature.tracing import evaluate, trace

pytestmark = pytest.mark.usefixtures("plainly_compiled")

Graph = list[tuple[int, int, int]]
RULES: list[Callable[[Any, Any, Any], Any]] = [
    lambda m, a, b: a + b,
    lambda m, a, b: a - b * 0.5,
    lambda m, a, b: a * b,
    lambda m, a, b: a / (1.0 + b * b),
    lambda m, a, b: m.sin(a) * b,
    lambda m, a, b: m.exp(m.tanh(a)) - b,
    lambda m, a, b: m.sqrt(1.5 + a * a + b**2),
    lambda m, a, b: m.log(2.5 + m.cos(a)) - m.log1p(b * b),
    lambda m, a, b: m.where(a > b, a * b, -b),
    lambda m, a, b: m.maximum(a, 0.25) * b,
]
graphs = st.lists(
    st.tuples(st.integers(0, len(RULES) - 1), st.integers(0, 99), st.integers(0, 99)),
    min_size=1,
    max_size=5,
)


def function_of(graph: Graph, m: Any) -> Callable[[Any, Any], Any]:
    """Of two arrays; each step combines two earlier values, and all of them are in the result."""

    def function(x: Any, y: Any) -> Any:
        values = [x, y]
        for rule, first, second in graph:
            new = RULES[rule](m, values[first % len(values)], values[second % len(values)])
            values.append(m.tanh(new))
        return sum(values[1:], values[0])

    return function


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def close(found: Any, expected: Any) -> None:
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.shape(one) == np.shape(other)
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11)


@settings(max_examples=10)
@given(graphs, st.integers(0, 99))
def test_first_derivatives_of_any_graph_are_jax_s(graph: Graph, seed: int) -> None:
    ours, theirs = function_of(graph, mini), function_of(graph, jnp)
    x, y, dx, dy, w = random(5, 3, seed=seed)
    with jax.enable_x64(True):
        close(jvp(ours, (x, y), (dx, dy)), jax.jvp(theirs, (x, y), (dx, dy)))
        close(jvp(ours, (x, y), (dx, None))[1], jax.jvp(theirs, (x, y), (dx, 0 * dy))[1])
        linear = linearize(ours, x, y)
        close(linear.value, theirs(x, y))
        close(linear(dx, dy), jax.linearize(theirs, x, y)[1](dx, dy))
        close(vjp(ours, x, y)[1](w), jax.vjp(theirs, x, y)[1](w))


@settings(max_examples=5)
@given(graphs, st.integers(0, 99))
def test_transformations_of_transformations_are_jax_s(graph: Graph, seed: int) -> None:
    x, y, dx = random(3, 3, seed=seed)
    many = random(4, 3, seed=seed + 1)

    def of(m: Any, total: Any, grad: Any, jvp: Any, vmap: Any) -> list[Any]:
        function = function_of(graph, m)
        loss = lambda x, y: total(function(x, y))  # noqa: E731
        slope = lambda x, y: total(grad(loss)(x, y) * dx)  # noqa: E731
        return [
            grad(slope)(x, y),
            jvp(lambda y: vmap(lambda x: grad(loss)(x, y))(many), (y,), (dx,)),
            grad(lambda y: total(vmap(lambda x: function(x, y))(many)))(y),
        ]

    ours = of(mini, reduce_sum, grad, jvp, vmap)
    with jax.enable_x64(True):
        close(ours, of(jnp, jnp.sum, jax.grad, jax.jvp, jax.vmap))


def test_a_net_with_all_that_moves_axes_is_jax_s() -> None:
    """Products of matrices and vectors, broadcasting, reshaping, turning, sums over some axes."""
    params = random(3, 4, seed=1), random(4, seed=2), random(4, seed=3)
    x = random(2, 5, 3)

    def of(m: Any, total: Any, broadcast: Any, turn: Any, shaped: Any) -> Callable[..., Any]:
        def loss(kernel: Any, bias: Any, last: Any) -> Any:
            hidden = m.tanh(m.matmul(x, kernel) + bias)
            mixed = m.matmul(turn(hidden, (0, 2, 1)), hidden)
            scores = m.matmul(shaped(hidden, (10, 4)), last)
            means = broadcast(shaped(total(hidden, (0, 2)), (5, 1)), (5, 2))
            return total(mixed * mixed) + total(scores**3) + total(m.exp(means)) / 7.0

        return loss

    ours = of(mini, reduce_sum, broadcast_to, permute, reshape)
    theirs = of(jnp, jnp.sum, jnp.broadcast_to, jnp.transpose, jnp.reshape)
    with jax.enable_x64(True):
        close([grad(ours, i)(*params) for i in range(3)], jax.grad(theirs, (0, 1, 2))(*params))
        close(
            jvp(grad(ours, 0), params, params), jax.jvp(jax.jit(jax.grad(theirs)), params, params)
        )
        each = random(3, 4, seed=5)
        close(
            vmap(grad(ours, 2), (False, True, False))(params[0], each, params[2]),
            jax.vmap(jax.grad(theirs, 2), (None, 0, None))(params[0], each, params[2]),
        )


def test_a_linear_function_is_transposed() -> None:
    matrix, x, w = random(4, 3), random(3, seed=1), random(4, seed=2)

    def linear(m: Any) -> Callable[[Any], Any]:
        return lambda x: m.matmul(matrix, m.where(np.array([True, False, True]), x, -x)) / 3.0

    (found,) = linear_transpose(linear(mini), x)(w)
    with jax.enable_x64(True):
        close((found,), jax.linear_transpose(linear(jnp), x)(w))
    np.testing.assert_allclose(w @ evaluate(trace(linear(mini), x), x)[0], found @ x)
    with pytest.raises(ValueError, match="`sin` is not linear"):
        linear_transpose(lambda x: mini.sin(x), x)(x)
    with pytest.raises(ValueError, match="is not linear"):
        linear_transpose(lambda x: x * x, x)(x)


def test_perturbations_of_two_derivatives_are_not_confused() -> None:
    """d/dx of x times d/dy of (x + y) is 1; one who confuses the two finds 2."""
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0

    def both(x: Any) -> Any:
        return jvp(lambda y: jvp(lambda z: x * y * z, (y,), (x,))[1], (x,), (1.0,))[1]

    # The inner one is x² y: its slope along y is x², and that of x² at 3 is 6.
    assert grad(both)(3.0) == 6.0


def test_a_traced_gradient_is_a_program_that_can_be_read() -> None:
    program = trace(lambda x, y: x * x * y + y + 2.0, 3.0, 4.0)
    assert str(program) == (
        "{ a:f64[] b:f64[] ->\n"
        "  c:f64[] = mul a a\n"
        "  d:f64[] = mul c b\n"
        "  e:f64[] = add d b\n"
        "  f:f64[] = add e 2\n"
        "  (f) }"
    )
    assert evaluate(program, 3.0, 4.0) == (42.0,)
    gradient = trace(grad(lambda x, y: x * x * y + y + 2.0), 3.0, 4.0)
    assert evaluate(gradient, 3.0, 4.0) == (24.0,)
    shown = str(trace(lambda x: reduce_sum(x, (0,)), np.zeros((2, 3), np.float32)))
    assert "b:f32[3] = reduce_sum[axes=(0,)] a" in shown


def test_dead_code_is_removed_as_by_jax() -> None:
    """A loss, a metric of its own, and a branch that nothing uses."""

    def of(m: Any) -> Callable[[Any], tuple[Any, Any]]:
        def function(x: Any) -> tuple[Any, Any]:
            _unused = m.exp(m.cos(x))
            shared = m.sin(x)
            return shared * x, m.tanh(shared)

        return function

    program = trace(of(mini), 1.0)
    loss_only = program._replace(outputs=program.outputs[:1])
    counts = [len(program.equations)]
    counts += [len(eliminate_dead_code(each).equations) for each in (program, loss_only)]
    theirs = jax.make_jaxpr(of(jnp))(1.0).jaxpr
    expected = [len(theirs.eqns)]
    for used in ([True, True], [True, False]):
        expected.append(len(jax.interpreters.partial_eval.dce_jaxpr(theirs, used)[0].eqns))
    assert counts == expected == [5, 3, 2]
    assert evaluate(eliminate_dead_code(loss_only), 2.0) == (np.sin(2.0) * 2.0,)


def test_a_gradient_keeps_what_the_linear_part_reads_and_no_more() -> None:
    """exp(sin(x)) needs two residuals, cos(x) and the value; a sum needs none."""
    linear = linearize(lambda x: mini.exp(mini.sin(x)), 0.3)
    assert {float(x) for x in linear.residuals} == {np.cos(0.3), np.exp(np.sin(0.3))}
    assert [each.primitive.name for each in linear.program.equations] == ["mul", "mul"]
    assert not linearize(lambda x: reduce_sum(x) * 2.0, random(3)).residuals
    program = trace(lambda x, t: (mini.sin(x), mini.cos(x) * t), 1.0, 1.0)
    known, unknown = partial_evaluate(program, 1, 1)
    assert [each.primitive.name for each in known.equations] == ["sin", "cos"]
    value, residual = evaluate(known, 0.5)
    assert (value, *evaluate(unknown, residual, 2.0)) == evaluate(program, 0.5, 2.0)
    assert transpose(unknown, (residual,), (3.0,)) == (3.0 * np.cos(0.5),)


def test_a_function_is_looked_at_once_for_any_number_of_directions() -> None:
    calls = []

    def function(x: Any) -> Any:
        calls.append(x)
        return x**3

    _, pull = vjp(function, 2.0)
    assert [pull(w)[0] for w in (1.0, 2.0, 3.0)] == [12.0, 24.0, 36.0]
    assert len(calls) == 1


def test_float32_stays_float32() -> None:
    x = random(3).astype(np.float32)
    assert grad(lambda x: reduce_sum(1 / (1 + x * x) ** 2.0))(x).dtype == np.float32


@pytest.mark.parametrize(
    "words, wrong",
    [
        ("neither true nor false", lambda: grad(lambda x: x if x > 0 else -x)(1.0)),
        ("has no numbers yet", lambda: grad(lambda x: np.asarray(x))(1.0)),
        ("derivatives are of floats", lambda: grad(lambda x: x * x)(3)),
        ("returns one number", lambda: grad(lambda x: x * 2.0)(np.ones(2))),
        ("its primal is f64", lambda: jvp(mini.sin, (np.ones(2),), (np.ones(3),))),
        ("dtypes float32 and float64", lambda: mini.add(np.ones(2), np.ones(2, np.float32))),
        ("no matrix product", lambda: mini.matmul(np.ones(2), np.ones((3, 2)))),
        ("does not fill", lambda: reshape(np.ones(4), (3,))),
        ("exponent is a number", lambda: grad(lambda x: mini.power(2.0, x))(1.0)),
        ("first 1 depends", lambda: partial_evaluate(trace(mini.sin, 1.0), 0, 1)),
        ("of one length", lambda: vmap(mini.add)(np.ones(2), np.ones(3))),
    ],
)
def test_what_cannot_be_is_named(words: str, wrong: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=words):
        wrong()


def test_a_tracer_that_escaped_is_refused() -> None:
    kept: list[Any] = []

    def leak(x: Any) -> Any:
        kept.append(x)
        return x * x

    grad(leak)(1.0)
    with pytest.raises(ValueError, match="after its function has ended"):
        mini.sin(kept[0])
