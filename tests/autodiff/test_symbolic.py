"""Expression graphs: equality, values, and derivatives as JAX and sympy have them."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings

from research.autodiff.expressions import parse
from research.autodiff.simplification import simplify
from research.autodiff.spelling import spell, spell_steps
from research.autodiff.symbolic import (
    OPERATIONS,
    Expression,
    apply,
    constant,
    count_nodes,
    count_tree_nodes,
    evaluate,
    evaluate_nodes,
    sort_nodes,
    variable,
)
from research.autodiff.symbolic_rules import RULES, differentiate
from tests.autodiff.graphs import expressions, points

pytestmark = pytest.mark.usefixtures("plainly_compiled")
X, Y = variable("x"), variable("y")
IN_JAX = {
    "max": jnp.maximum,
    "min": jnp.minimum,
    "less": lambda a, b: (a < b).astype(a.dtype),
    "where": lambda chosen, a, b: jnp.where(chosen != 0, a, b),
}


def in_jax(expression: Expression, x: jax.Array, y: jax.Array) -> jax.Array:
    found: dict[Expression, jax.Array] = {X: x, Y: y}
    for node in sort_nodes(expression):
        if node.operation == "constant":
            found[node] = jnp.asarray(node.value, x.dtype)
        elif node.operation != "variable":
            compute = IN_JAX.get(node.operation) or getattr(jnp, node.operation)
            found[node] = compute(*(found[each] for each in node.arguments))
    return found[expression]


def logistic_map(times: int) -> Expression:
    """Baydin et al. 2018, table 1: l becomes 4 l (1 - l)."""
    value = X
    for _ in range(times):
        value = 4 * value * (1 - value)
    return value


def test_the_functions_of_the_chapter() -> None:
    f = X**2 * Y + Y + 2
    at = {"x": 3, "y": 4}
    gradient = [differentiate(f, name) for name in "xy"]
    assert [evaluate(each, at) for each in (f, *gradient)] == [42, 24, 10]
    hessian = [[evaluate(differentiate(each, name), at) for name in "xy"] for each in gradient]
    assert hessian == [[8, 6], [6, 0]]
    assert [spell(simplify(each)) for each in gradient] == ["2*x*y", "x**2 + 1"]


def test_expressions_are_equal_when_they_are_spelled_the_same() -> None:
    one, other = (variable("x") * 2.0 + apply("sin", variable("y")) for _ in range(2))
    assert one is not other
    assert one == other
    assert {one: "found"}[other] == "found"
    assert len({one, X + Y, Y + X, X - Y, X * 2 + Y, variable("x*2 + sin(y)")}) == 6


def test_equal_parts_are_one_node() -> None:
    square = (X + Y) * (variable("x") + variable("y"))
    assert (count_nodes(square), count_tree_nodes(square)) == (4, 7)
    assert count_nodes(square, X + Y, X) == 4


def test_a_derivative_swells_as_a_tree_and_not_as_a_graph() -> None:
    derivatives = [differentiate(logistic_map(times), "x") for times in range(1, 26)]
    assert spell(simplify(derivatives[0])) == "4*(1 - x) - 4*x"  # as in the paper's table
    for found in (derivatives, [simplify(each) for each in derivatives]):
        growth = np.diff([count_nodes(each) for each in found])
        assert growth[1:].tolist() == [growth[1]] * 23
        assert growth[1] <= 10
        assert count_tree_nodes(found[-1]) > 2**25
    # Each node is computed once, or this would not end.
    angle = math.asin(math.sqrt(0.3))
    exact = 2**8 * math.sin(2**9 * angle) / (2 * math.sqrt(0.3 * 0.7))
    for derivative in (derivatives[7], simplify(derivatives[7])):
        np.testing.assert_allclose(evaluate(derivative, {"x": 0.3}), exact, rtol=1e-11)
    assert abs(evaluate(derivatives[-1], {"x": 0.3})) > 2**10


def test_a_product_of_many_variables_has_a_derivative_of_its_own_size() -> None:
    """Speelpenning's product: written out, the gradient has n² factors."""
    names = [f"x{number}" for number in range(60)]
    product = variable(names[0])
    for name in names[1:]:
        product = product * variable(name)
    gradient = [simplify(differentiate(product, name)) for name in names]
    assert count_tree_nodes(gradient[-1]) == 2 * 59 - 1
    values = dict(zip(names, np.linspace(0.9, 1.1, 60), strict=True))
    found = evaluate_nodes((product, *gradient), values)
    for name, derivative in zip(names, gradient, strict=True):
        np.testing.assert_allclose(found[derivative], found[product] / values[name], rtol=1e-13)


def test_a_graph_may_be_deeper_than_calls_may_be() -> None:
    deep = X
    for _ in range(2000):
        deep = apply("sin", deep)
    derivative = simplify(differentiate(deep, "x"))
    assert 0 < evaluate(derivative, {"x": 1.0}) < 1
    assert len(spell_steps(derivative)) > 1500


@settings(max_examples=20)
@given(expression=expressions(), at=points)
def test_jax_agrees(expression: Expression, at: dict[str, float]) -> None:
    """Of `jvp`: JAX's gradients are NaN where an unused branch of `where` has none."""
    derivatives = [differentiate(expression, name) for name in "xy"]
    nodes = evaluate_nodes((expression, *derivatives), at)
    assume(np.all(np.abs(list(nodes.values())) < 1e4))
    assume(all(nodes[n.arguments[0]] != 0 for n in sort_nodes(expression) if n.operation == "abs"))
    with jax.enable_x64(True):
        primals = tuple(jnp.asarray(at[name]) for name in "xy")
        for derivative, tangents in zip(derivatives, ((1.0, 0.0), (0.0, 1.0)), strict=True):
            value, tangent = jax.jvp(
                lambda x, y: in_jax(expression, x, y), primals, tuple(map(jnp.asarray, tangents))
            )
            assume(np.isfinite(tangent))
            np.testing.assert_allclose(nodes[expression], value, rtol=1e-10, atol=1e-10)
            np.testing.assert_allclose(nodes[derivative], tangent, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", [name for name in RULES if name not in ("sign", "less")])
def test_a_wrong_rule_would_be_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rule matters: without it the derivative is another. With it, JAX has the same."""
    arguments = [(X * Y + 2, X + Y, X * X)[index] for index in range(OPERATIONS[name].arguments)]
    expression, at = apply(name, *arguments), {"x": 0.7, "y": 0.6}
    right = evaluate(differentiate(expression, "x"), at)
    with jax.enable_x64(True):
        theirs = jax.grad(in_jax, argnums=1)(expression, jnp.asarray(0.7), jnp.asarray(0.6))
    np.testing.assert_allclose(right, theirs, rtol=1e-12)
    monkeypatch.setattr(
        "research.autodiff.symbolic_rules.RULES", {**RULES, name: lambda *_: constant(0.123)}
    )
    assert abs(evaluate(differentiate(expression, "x"), at) - right) > 1e-3


SMOOTH = [
    "x**2*y + y + 2",
    "sin(x*y)/(1 + x**2) - exp(-y)*log(x)",
    "x**y + y**x",
    "tanh(x/y)**3*sqrt(x + y**2)",
    "tan(x) - cos(x**0.5)/x + 1/(x*y)",
    "exp(sin(exp(cos(x))))*pi",
]


@pytest.mark.parametrize("text", SMOOTH)
def test_sympy_agrees_to_the_second_derivative(text: str) -> None:
    sympy = pytest.importorskip("sympy", reason="requirements-oracles.txt is not installed")
    at = {"x": 0.8, "y": 1.3}
    for names in ("x", "y", "xx", "xy", "yy"):
        ours, theirs = parse(text), sympy.sympify(text)
        for name in names:
            ours, theirs = simplify(differentiate(ours, name)), sympy.diff(theirs, name)
        exact = float(theirs.evalf(30, subs=at))
        np.testing.assert_allclose(evaluate(ours, at), exact, rtol=1e-13)
        # The text that we spell means the same to sympy.
        assert float(sympy.sympify(spell(ours)).evalf(30, subs=at)) == pytest.approx(exact, 1e-13)


@pytest.mark.parametrize(
    "text, at_zero, in_jax_at_zero",
    [
        ("abs(x)", 0, 1),
        ("sign(x)", 0, 0),
        ("max(x, 0)", 0.5, 0.5),
        ("min(x, 3*x)", 2, 2),
        ("sqrt(x)", math.inf, math.inf),
        ("x**2", 0, 0),
        ("where(0 < x, 5*x, 3*x)", 3, 3),
        ("where(0 < x, sqrt(x), 0)", 0, 0),
        ("x**0", 0, math.nan),
        ("log(x)", math.inf, math.inf),
    ],
)
def test_what_is_said_at_0(text: str, at_zero: float, in_jax_at_zero: float) -> None:
    """As by JAX, going forward; but |x|, and a power that has been simplified away."""
    expression = parse(text)
    assert evaluate(simplify(differentiate(expression, "x")), {"x": 0.0}) == at_zero
    with jax.enable_x64(True):
        zero, one = jnp.asarray(0.0), jnp.asarray(1.0)
        _, theirs = jax.jvp(lambda x: in_jax(expression, x, zero), (zero,), (one,))
    np.testing.assert_equal(float(theirs), in_jax_at_zero)


def test_values_are_arrays_of_the_inputs_kind() -> None:
    expression = X / 3 + Y * math.pi
    for dtype in (np.float32, np.float64, np.complex128):
        x, y = np.ones((3, 1), dtype), np.ones(4, dtype)
        found = evaluate(expression, {"x": x, "y": y})
        assert (found.shape, found.dtype) == ((3, 4), dtype)
    assert evaluate(X / 2, {"x": 1}) == 0.5
    assert evaluate(X**-1, {"x": 2}) == 0.5
    assert evaluate(apply("less", X, 0), {"x": np.float32(1)}).dtype == np.float32
    assert evaluate(np.float64(2) * X, {"x": 3}) == 6
    assert math.isnan(evaluate(apply("log", X), {"x": -1.0}))


@pytest.mark.parametrize(
    "words, act",
    [
        ("y has no value; values were given for: x", lambda: evaluate(X + Y, {"x": 1})),
        ("x has no value; values were given for: none", lambda: evaluate(X, {})),
        ("abs is not analytic", lambda: evaluate(apply("abs", X), {"x": 1j})),
        ("has to be finite", lambda: X + math.nan),
        ("no operation sine of 1 arguments", lambda: apply("sine", X)),
        ("no operation sin of 2 arguments", lambda: apply("sin", X, X)),
        ("spell_steps", lambda: spell(logistic_map(20))),
    ],
)
def test_what_cannot_be_is_refused(words: str, act) -> None:
    with pytest.raises(ValueError, match=words):
        act()
