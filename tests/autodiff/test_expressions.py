"""Text to expression and back; what is none is refused in one sentence, at once."""

from __future__ import annotations

import math
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.autodiff.expressions import FUNCTIONS, parse
from research.autodiff.simplification import simplify
from research.autodiff.spelling import spell, spell_steps
from research.autodiff.symbolic import Expression, apply, evaluate, variable
from tests.autodiff.graphs import expressions, points

X, Y = variable("x"), variable("y")


@pytest.mark.parametrize(
    "text, expression",
    [
        ("x**2*y + y + 2", X**2 * Y + Y + 2),
        ("-x**2", -(X**2)),
        ("(-x)**2", (-X) ** 2),
        ("x**y**2", X ** (Y**2)),
        ("x**-2", X**-2),
        ("+x - -2", X - (-2)),
        ("2.0*x + 1e0", 2 * X + 1),
        ("max(x, min(y, pi))", apply("max", X, apply("min", Y, math.pi))),
        ("where(x > 0, sqrt(x), e)", apply("where", apply("less", 0, X), apply("sqrt", X), math.e)),
        ("x <= y", 1 - apply("less", Y, X)),
        ("x >= y", 1 - apply("less", X, Y)),
        ("  (x\n + y)\t", X + Y),
        ("größe*x", variable("größe") * X),
        ("e1*v1", variable("e1") * variable("v1")),
    ],
)
def test_what_is_read(text: str, expression: Expression) -> None:
    assert parse(text) == expression


@pytest.mark.parametrize(
    "text",
    [
        *("x - (y - 2)", "x - y - 2", "x/(y*2)", "x/y*2", "(x**y)**2", "x**y**2", "-(x + y)"),
        *("-x*y", "-(x*y)", "x - -y", "x**-y", "(-2)**x", "-2**x", "(x < y) < 2", "x + (y < 2)"),
        *("2*x*y", "sin(x + y)*where(x < y, pi, e)", "1e-05*x", "1e+300*x", "x*(y*2)"),
    ],
)
def test_text_is_spelled_with_the_parentheses_that_it_needs(text: str) -> None:
    assert spell(parse(text)) == text


@settings(max_examples=30)
@given(expression=expressions(), at=points)
def test_what_is_spelled_is_read_as_what_it_was(
    expression: Expression, at: dict[str, float]
) -> None:
    again = parse(spell(expression))
    before, after = evaluate(expression, at), evaluate(again, at)
    # 2*(x*y) is spelled 2*x*y, which rounds otherwise.
    assert after == pytest.approx(before, rel=1e-9, abs=1e-9, nan_ok=True) or abs(before) > 1e9
    simpler = simplify(expression)
    assert simplify(parse(spell(simpler))) == simpler


def test_steps_write_shared_parts_once() -> None:
    shared = parse("v2 + sin(x*y)*exp(x*y)")
    assert spell_steps(shared) == ["v1 = x*y", "v3 = v2 + sin(v1)*exp(v1)"]
    assert spell_steps(X) == ["v1 = x"]


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "the text is empty"),
        ("x +", "at character 3, invalid syntax"),
        ("(x", "at character 1, '(' was never closed"),
        ("2x", "2 times x is written 2*x"),
        ("y + x^2", "at character 6, a power is written x**2, not x^2"),
        ("x + sine(y)", "at character 5, there is no function sine; did you mean sin"),
        ("foo(y)", "there is no function foo; there are exp, log"),
        ("less(x, y)", "there is no function less"),
        ("sin + x", "the function sin is given nothing"),
        ("sin(x, y)", "at character 1, sin takes 1 argument, not 2"),
        ("where(x, y)", "where takes 3 arguments, not 2"),
        ("ü + x.real", "at character 5, x.real is not made of"),
        ("x == y", "one of < <= > >="),
        ("0 < x < 1", "only two things can be compared"),
        ("x**1001", "at character 4, an exponent may be 1000 at most"),
        ("2**-(9**9)", "an exponent may be 1000 at most"),
        ("x**exp(7)", "at character 4, an exponent may be 1000 at most"),
        ("9**9**9**9", "an exponent may be 1000 at most"),
        ("1e999", "too large for a float64"),
        ("7" * 500, "too large for a float64"),
        ("x\0", "may not have '\\x00' in it (character 2)"),
        ("x + \ud800", "may not have '\\ud800' in it"),
        ("x" * 2001, "may have 2000 characters, this one has 2001"),
        ("-" * 1000 + "x", "more than 400 operations within each other"),
        ("(" * 600 + "x" + ")" * 600, "too many nested parentheses"),
        ("+".join("x" * 900), "more than 400 operations"),
        ("--sin(" * 150 + "x" + ")" * 150, "more than 400 operations"),
    ],
)
def test_what_is_no_expression_is_refused_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        parse(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    "text",
    [
        *("__import__('os').system('true')", "().__class__", "[x for x in y]", "lambda: x", "x[0]"),
        *("'x'", "f'{x}'", "-True", "None", "1j", "...", "x if y else 2", "x and y", "not x", "~x"),
        *("(x := 2)", "x, y", "x; y", "x = 2", "{x}", "sin(*x)", "sin(x=2)", "sin(x)(y)", "x % y"),
        *("x // y", "x @ y", "x | y", "await x", "yield", "import os", "x is y", "x in y", "2(x)"),
    ],
)
def test_nothing_else_of_python_is_let_in(text: str) -> None:
    with pytest.raises(ValueError, match="is no expression: at character"):
        parse(text)


_PIECES = ["x", "y", "2", ".5", "+", "-", "*", "**", "/", "(", ")", ",", "<", "pi", "e", " ", "^"]


@settings(max_examples=30)
@given(
    text=st.text(max_size=30)
    | st.lists(st.sampled_from([*_PIECES, *FUNCTIONS]), max_size=12).map("".join)
)
def test_any_text_is_an_expression_or_one_sentence(text: str) -> None:
    try:
        parse(text)
    except ValueError as error:
        assert str(error).isprintable()


def test_a_text_may_be_as_deep_as_is_said() -> None:
    deep = parse("-sin(" * 199 + "x" + ")" * 199)
    assert -1 < evaluate(deep, {"x": 1.0}) < 1


def test_no_text_takes_long() -> None:
    """The worst ones found: exponents within exponents, each of which is looked at."""
    for text in ("**".join("x" * 390), "x**(1+" * 190 + "x" + ")" * 190, "x*" * 390 + "x"):
        start = time.process_time()
        spell(simplify(parse(text)))
        assert time.process_time() - start < 5
