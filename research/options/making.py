"""From a config to its experiment; what the experiment refuses is spelled in names of options."""

from __future__ import annotations

import dataclasses
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from research.errors import EncoreError, Mistake
from research.options.config import Config, make_experiment
from research.options.ranges import INT32, flag

if TYPE_CHECKING:
    from research.engine.experiment import Experiment, Needs
    from research.engine.inputs import Source
    from research.options.catalog import Named

_OURS = Path(__file__).resolve().parents[1]
_LENGTHS = re.compile(r"(steps|epochs|updates|generations|sweeps|iterations)$")
"""Names of fields that are the length of a run; larger values of others could fill the memory."""


def make(
    named: Named, config: Config, needs: Needs | None, inputs: Mapping[str, Source]
) -> Experiment:
    """The experiment of a config, refused in words where no run can be made of it.

    With `inputs` `make_with` makes it, else with `needs` `make_to_use`, else `make`.

    Raises:
        Mistake: what the experiment refuses, a run too long to be counted, or one of no update.
    """
    name, default = named.name, named.config
    with told_as_mistakes(name, config, named.path.parent):
        if needs is not None and not inputs:
            return make_experiment(config, lambda blind: blind.make_to_use(needs))
        maker = (lambda blind: blind.make_with(inputs)) if inputs else None
        experiment = make_experiment(config, maker)
    if experiment.steps > INT32:
        raise Mistake(
            f"{name}: a run of {experiment.steps:,} updates is too long to be counted; "
            f"{INT32:,} are the most"
        )
    # A run of the defaults may make no update by design, as a forecast that learns nothing.
    if experiment.steps < 1 and config != default and make_experiment(default, maker).steps:
        raise Mistake(f"{name}: the run would make no update{_least(config, maker)}")
    return experiment


def _least(config: Config, maker: Callable[[Config], Experiment] | None) -> str:
    """Which whole numbers would have to be how large for one update, as the end of a sentence."""

    def updates(field: str, value: int) -> bool:
        try:
            other = dataclasses.replace(config, **{field: value})
            return make_experiment(other, maker).steps > 0
        except (ValueError, ArithmeticError, EncoreError):
            return False

    enough = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if type(value) is not int or not _LENGTHS.search(field.name):
            continue
        high = max(value, 1)
        while high < 2**30 and not updates(field.name, high):
            high *= 2
        low = value  # too few, and `high` enough
        while high - low > 1 and high < 2**30:
            middle = (low + high) // 2
            low, high = (low, middle) if updates(field.name, middle) else (middle, high)
        if high < 2**30:
            enough.append(f"{flag(field.name)} must be at least {high}, not {value}")
    return f"; for one, {' or '.join(enough)}" if enough else ""


@contextmanager
def told_as_mistakes(name: str, config: Any, folder: Path) -> Iterator[None]:
    """Let a ValueError that Encore or the experiment raises in words be a mistake in the config.

    One that comes from elsewhere is a bug, and keeps its traceback.

    Raises:
        Mistake: with the names of fields spelled as options.
    """
    try:
        yield
    except ValueError as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = Path(last.filename).resolve()
        ours = place.is_relative_to(_OURS) or place.is_relative_to(folder.resolve())
        if not ours or not (last.line or "").startswith("raise "):
            raise
        text = str(error)
        for field in dataclasses.fields(config):
            if "_" in field.name:
                text = re.sub(rf"(?<![\w-]){field.name}\b", flag(field.name), text)
        raise Mistake(f"{name}: {text}") from None
