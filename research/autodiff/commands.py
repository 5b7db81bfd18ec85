"""The command `differentiate`: one expression, all ways of differentiation side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from research.errors import Mistake
from research.options.command import Argument, Command, Common, Context, Outcome, help_hint, parse
from research.options.convert import did_you_mean
from research.options.options import file_problems, options_of, refuse
from research.options.ranges import PATH, POSITIVE

if TYPE_CHECKING:
    from research.autodiff.symbolic import Expression

MOST_VARIABLES = 8


@dataclass(frozen=True)
class DifferentiateOptions(Common):
    """Options of `differentiate`."""

    at: Annotated[str, "the point: a number for each variable, such as x=3,y=pi/2"] = ""
    step: Annotated[float | None, "of the differences [the best of each kind]", POSITIVE] = None
    steps: Annotated[bool, "show the steps of the forward and of the reverse pass"] = False
    graph: Annotated[str, "draw the steps, with values and adjoints: a file, .svg", PATH] = ""


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Differentiate, print the tables, and draw where asked."""
    (text,), options = parse(DIFFERENTIATE, _sheltered(tokens))
    import numpy as np

    from research.autodiff.printing import Comparison, facts_of, print_comparison, print_steps
    from research.autodiff.ways import derive, gradients, hessians

    expression, names = _read_expression(text)
    point = read_point(options.at, names)
    _refuse(file_problems("--graph", options.graph, ".svg"))
    value = _value(expression, point)
    primals = np.array(list(point.values()))
    derivatives = derive(expression, names)
    try:
        ways = gradients(expression, derivatives, names, primals, options.step)
    except ValueError as error:
        raise Mistake(f"differentiate: --step {options.step}: {error}") from None
    from research.autodiff.beside_jax import differentiate_by_jax

    by_jax, hessian = differentiate_by_jax(expression, names, primals)
    seconds = {**hessians(expression, derivatives, names, primals), "jax.hessian": hessian}
    found = Comparison(expression, point, value, derivatives, (*ways, by_jax), seconds)
    # Before anything is printed: it may be too large to be drawn.
    picture = _draw(expression, point) if options.graph else ""
    print_comparison(found, context.human)
    facts: dict[str, Any] = facts_of(found)
    if options.steps:
        facts["steps"] = print_steps(expression, point, context.human)
    if picture:
        from research.engine.durable import write_file

        write_file(Path(options.graph), f"{picture}\n")
        facts["graph"] = options.graph
        print(f"\nwritten: {options.graph}", file=context.human)
    return Outcome(facts)


def _sheltered(tokens: Sequence[str]) -> list[str]:
    """The words of the command, in which `-x**2` is an expression and no option."""
    options = {option.name for option in options_of(DifferentiateOptions)}

    def negative(token: str) -> bool:
        one_dash = token.startswith("-") and not token.startswith("--")
        return one_dash and token[1:].partition("=")[0] not in options

    return [f" {token}" if negative(token) else token for token in tokens]


def _refuse(mistakes: Sequence[str]) -> None:
    refuse("differentiate", mistakes, help_hint("differentiate"))


def _read_expression(text: str) -> tuple[Expression, tuple[str, ...]]:
    """The expression and its variables.

    Raises:
        Mistake: it is none, or has none or too many variables.
    """
    from research.autodiff.expressions import parse as parse_expression
    from research.autodiff.programs import variables_of

    try:
        expression = parse_expression(text)
    except ValueError as error:
        raise Mistake(f"differentiate: {error}") from None
    names = variables_of(expression)
    if not names:
        raise Mistake(f'differentiate: "{text.strip()}" has no variable to differentiate by')
    if len(names) > MOST_VARIABLES:
        raise Mistake(
            f"differentiate: {MOST_VARIABLES} variables are the most, and the expression has "
            f"{len(names)}: {', '.join(names)}"
        )
    return expression, names


def read_point(text: str, names: Sequence[str]) -> dict[str, float]:
    """The number of each variable, in the order of their names.

    Args:
        text: `x=3,y=4`, numbers as an expression may spell them.
        names: of the variables.

    Raises:
        Mistake: a name is missing, unknown or there twice, or a value is no number: all of them.
    """
    wanted = ",".join(f"{name}=NUMBER" for name in names)
    if not text.strip():
        _refuse([f"--at is missing: --at {wanted}"])
    found: dict[str, float] = {}
    mistakes = []
    for part in text.split(","):
        name, equals, number = (each.strip() for each in part.partition("="))
        if not equals:
            mistakes.append(f'--at: "{part}" is no name with a number; {wanted} is wanted')
            continue
        if name not in names:
            near = did_you_mean(name, names) or f"; it has {', '.join(names)}"
            mistakes.append(f'--at: the expression has no variable "{name}"{near}')
            continue
        if name in found:
            mistakes.append(f"--at: {name} stands there twice")
            continue
        value = _number(number)
        found[name] = 0.0 if value is None else value
        if value is None:
            mistakes.append(f'--at: {name} is to be a finite number, which "{number}" is not')
    missing = [name for name in names if name not in found]
    # A name that is spelled wrong is not told of twice.
    if missing and not mistakes:
        have = "has" if len(missing) == 1 else "have"
        mistakes.append(f"--at: {' and '.join(missing)} {have} no value: --at {wanted}")
    _refuse(mistakes)
    return {name: found[name] for name in names}


def _number(text: str) -> float | None:
    """What an expression without variables amounts to: 3, -1e-3, pi/2; None for anything else."""
    from math import isfinite

    from research.autodiff.expressions import parse as parse_expression
    from research.autodiff.symbolic import evaluate

    try:
        value = float(evaluate(parse_expression(text), {}))
    except ValueError:
        return None
    return value if isfinite(value) else None


def _value(expression: Expression, point: dict[str, float]) -> float:
    """The expression's value.

    Raises:
        Mistake: it has none, or none that is finite; names the part where that begins.
    """
    import numpy as np

    from research.autodiff.printing import spell_short
    from research.autodiff.symbolic import evaluate_nodes, sort_nodes

    values = evaluate_nodes((expression,), point)
    if np.isfinite(values[expression]):
        return float(values[expression])
    part = next(node for node in sort_nodes(expression) if not np.isfinite(values[node]))
    where = ", ".join(f"{name} = {number:g}" for name, number in point.items())
    what = "not a real number" if np.isnan(values[part]) else "infinite, or too large for a float64"
    raise Mistake(f"differentiate: there is no value at {where}: {spell_short(part)} is {what}")


def _draw(expression: Expression, point: dict[str, float]) -> str:
    import numpy as np

    from research.autodiff.programs import as_program
    from research.autodiff.step_tables import as_graph
    from research.autodiff.steps import reverse_steps
    from research.report.graphs import draw_graph

    names = tuple(point)
    with np.errstate(all="ignore"):
        steps = reverse_steps(as_program(expression, names), tuple(point.values()))
    try:
        return draw_graph(as_graph(steps, names, "steps, values and adjoints"), alone=True)
    except ValueError as error:
        raise Mistake(f"differentiate: --graph: {error}") from None


DIFFERENTIATE = Command(
    name="differentiate",
    summary="differentiate an expression in all ways, side by side",
    text="""Takes an expression in Python's notation and gives its value, its gradient and its
    second derivatives at a point, in each way there is: by the rules of calculus, by finite
    differences (forward, central, Richardson's extrapolation, a complex step), by forward mode on
    dual numbers, by reverse mode on a tape, by hyper-dual numbers, and by jax.grad, all in float64.
    Beside each stands what it took: how often the expression was evaluated, or how many passes went
    through it. Differences need more of them the more variables there are, reverse mode one pass
    and back.

    An expression is made of numbers, pi and e, variables, + - * / **, parentheses, the functions
    exp, log, sqrt, sin, cos, tan, tanh, abs, sign, max, min and where, and comparisons by < <= >
    >=, as in where(x > 0, x**2, -x). It is read by a list of what is allowed; Python evaluates none
    of it.

    Where there is no derivative, as of abs(x) at 0, a note says so: ways may then differ.

    --steps shows, as a textbook does, the value of each step with its tangents, and back from the
    last to the first its adjoint: the derivative of the whole by this step. --graph draws them.""",
    arguments=(Argument("EXPRESSION", 'such as "x**2*y + y + 2"'),),
    options=DifferentiateOptions,
    examples=(
        ('differentiate "x**2*y + y + 2" --at x=3,y=4', "value 42, gradient 24 and 10"),
        ('differentiate "x**2*y + y + 2" --at x=3,y=4 --steps', "and the steps of both passes"),
        ('differentiate "sin(x)/x" --at x=pi/2 --graph sinc.svg', "one variable, and a drawing"),
        ('differentiate "x**2*y + y + 2" --at x=3,y=4 --step 1e-4', "how a long step errs"),
    ),
    exits=(),
    execute=execute,
)
