"""From options with several values to the runs and populations that they ask for."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from research.options.catalog import Named
from research.options.config import traced_floats
from research.options.configure import configure
from research.options.options import Scan, Several
from research.options.pace import MOST_MEMBERS, RunOptions

if TYPE_CHECKING:
    from research.engine.identity import Many


class Plan(NamedTuple):
    """One run, or one population, to be launched.

    Attributes:
        config: that of its first member.
        varied: float fields of which each member has one value: name -> values.
    """

    config: Any
    varied: dict[str, list[float]]

    @property
    def members(self) -> int:
        """How many combinations of values there are."""
        return math.prod(len(values) for values in self.varied.values())


def plans_of(named: Named, found: Scan, *, smoke: bool) -> tuple[list[Plan], list[str]]:
    """What a command line asks for, and messages on all values that are out of range.

    Floats are traced: several values of one make a population, trained by one program. What
    decides shapes makes runs of their own, one after the other.
    """
    varying = traced_floats(named.config)
    several = {n: v.values for n, v in found.values.items() if isinstance(v, Several)}
    varied = {name: list(values) for name, values in several.items() if name in varying}
    apart = {name: values for name, values in several.items() if name not in varying}
    if math.prod(map(len, several.values())) > MOST_MEMBERS:
        return [], [f"more than {MOST_MEMBERS:,} combinations of values"]
    plans, messages = [], []
    for shapes in itertools.product(*apart.values()):
        fixed = {**found.values, **dict(zip(apart, shapes, strict=True))}
        first = None
        for chosen in itertools.product(*varied.values()):
            values = {**fixed, **dict(zip(varied, chosen, strict=True))}
            config, refused = configure(named, found._replace(values=values), smoke=smoke)
            messages += refused
            first = config if first is None else first
        plans.append(Plan(first, varied))
    return plans, list(dict.fromkeys(messages))


def population_of(plan: Plan, options: RunOptions) -> Many | None:
    """The population that a plan is; None for a run of one seed."""
    from research.engine.identity import Many

    if options.seeds == 1 and not plan.varied:
        return None
    width = 1 if options.exact else options.width
    members = options.seeds * plan.members
    return Many(options.seeds, width or default_width(members), tuple(plan.varied))


def default_width(members: int) -> int:
    """How many members are trained together where nobody says; the devices have no part in it.

    On CPU no width was measured to be faster than one by one, an image net by width 4 three times
    slower (`benchmarks/exactness.py`), and one by one has the bits of runs of their own. On an
    accelerator, which many members at once would keep busy, nothing was measured yet; blocks of 32
    leave a large population something to spread over devices.
    """
    import jax

    return 1 if jax.default_backend() == "cpu" else min(members, 32)
