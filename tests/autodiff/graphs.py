"""Random expression graphs over x and y, for properties that hold of all."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from research.autodiff.symbolic import OPERATIONS, Expression, apply, constant, variable

_NUMBERS = st.sampled_from([-2, -1, 0, 1, 2, 3, 0.5, 1.25, math.pi, -math.e])


@st.composite
def expressions(draw: Any, names: tuple[str, ...] = tuple(OPERATIONS)) -> Expression:
    """Up to ten operations, each on any of the nodes before it."""
    nodes = [variable("x"), variable("y"), *map(constant, draw(st.lists(_NUMBERS, max_size=2)))]
    for name in draw(st.lists(st.sampled_from(names), min_size=1, max_size=10)):
        arguments = [draw(st.sampled_from(nodes)) for _ in range(OPERATIONS[name].arguments)]
        nodes.append(apply(name, *arguments))
    return nodes[-1]


points = st.fixed_dictionaries({name: st.sampled_from([-1.5, -0.5, 0.75, 2.0]) for name in "xy"})
