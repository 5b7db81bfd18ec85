"""From a command line to the runs that it asks for: their configs, seeds and populations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from research.options.catalog import Named
from research.options.command import Context, help_hint, own_options, wrong_count
from research.options.config import config_fields, traced_floats
from research.options.configure import config_options, configure, read_name
from research.options.options import Scan, Several, options_of, refuse, scan
from research.options.pace import MOST_MEMBERS, RunOptions

if TYPE_CHECKING:
    from research.engine.identity import Identity, Many


Kind = TypeVar("Kind", bound=RunOptions)


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


def read(
    command: str, tokens: Sequence[str], context: Context, kind: type[Kind]
) -> tuple[Named, list[Plan], Kind]:
    """The experiment, the runs of it that are asked for, and the options of all of them.

    Args:
        command: its name; it has the options of `run`, and may have more.
        tokens: its command line.
        context: where the experiments lie.
        kind: of its options.

    Raises:
        Mistake: all that is wrong with the command line.
    """
    named, rest = read_name(command, kind, tokens, context)
    own = options_of(kind)
    theirs = config_options(named, own)
    found = scan(rest, (*own, *theirs))
    options, messages = own_options(kind, found)
    plans, refused = plans_of(named, found, smoke=options.smoke)
    extra = wrong_count((), found)
    mistakes = [*found.mistakes, *messages, *refused, *extra]
    refuse(f"{command} {named.name}", mistakes, help_hint(command, named.name))
    return named, plans, options


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


def identity_of(named: Named, plan: Plan, options: RunOptions) -> Identity:
    """What run a plan is, without what it is given of other runs.

    Raises:
        Mistake: a file of one's own cannot be read.
    """
    from research.engine.identity import Identity

    return Identity(
        named.name,
        config_fields(plan.config) | plan.varied,
        options.seed,
        population=population_of(plan, options),
        patience=options.patience,
    )


def population_of(plan: Plan, options: RunOptions) -> Many | None:
    """The population that a plan is; None for a run of one seed."""
    from research.engine.identity import Many

    if options.seeds == 1 and not plan.varied:
        return None
    width = 1 if options.exact else options.width
    members = options.seeds * plan.members
    return Many(options.seeds, width or default_width(members), tuple(plan.varied))


def default_width(members: int) -> int:
    """How many members are trained together by default; the devices have no part in it.

    On CPU no width was measured to be faster than one by one, an image net by width 4 three times
    slower (`benchmarks/exactness.py`), and one by one has the bits of runs of their own. On an
    accelerator, which many members at once would keep busy, nothing was measured yet; blocks of 32
    leave a large population something to spread over devices.
    """
    import jax

    return 1 if jax.default_backend() == "cpu" else min(members, 32)
