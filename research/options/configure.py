"""From an experiment and the options given to a config that is right in every field."""

from __future__ import annotations

import dataclasses
import re
import typing
from typing import Any

from research.errors import Mistake
from research.options.catalog import Named
from research.options.config import fields_of, neutral_values, problems_of
from research.options.convert import optional
from research.options.options import Option, Scan, clashes, options_of
from research.options.ranges import flag


def config_options(named: Named, others: tuple[Option, ...]) -> tuple[Option, ...]:
    """The options that an experiment's config adds to `others`.

    Raises:
        Mistake: the config cannot be made into options (a mistake in the experiment's file).
    """
    options = options_of(named.config)
    problems = clashes(options, others)
    if problems:
        raise Mistake(f"{named.path}: {'; '.join(problems)}; rename it")
    return tuple(option._replace(several=takes_several(option.kind)) for option in options)


def takes_several(kind: Any) -> bool:
    """Whether an option of this kind has one value, so that commas can mean several runs."""
    return typing.get_origin(optional(kind)) is not tuple and optional(kind) is not str


def configure(named: Named, scan: Scan, *, smoke: bool) -> tuple[Any, list[str]]:
    """The config of the options given: defaults, then `smoke`, then what was typed.

    Args:
        named: the experiment.
        scan: the command line; only values of config fields are used.
        smoke: whether to start from the experiment's smoke config.

    Returns:
        The config (None where it cannot be made) and the messages of all values out of range.
        Messages about options that could not even be read are left out.
    """
    names = {field.name for field in dataclasses.fields(named.config)}
    given = {name: value for name, value in scan.values.items() if name in names}
    try:
        config = dataclasses.replace(named.config.smoke() if smoke else named.config, **given)
        messages = problems_of(config)
    except ValueError as error:
        return None, [str(error)]
    mentioned = re.compile(r"--([\w-]+)")
    return config, [
        message for message in messages if not scan.wrong.intersection(mentioned.findall(message))
    ]


def config_from(named: Named, values: dict[str, Any]) -> Any:
    """The config that a run recorded, from its JSON values (lists become tuples).

    A field that was left out because it was neutral is neutral again; any other that the
    experiment has got since the run was made has its default.

    Raises:
        Mistake: a field that the run has is no longer the experiment's.
    """
    fields = {field.name for field in dataclasses.fields(named.config)}
    gone = sorted(values.keys() - fields)
    if gone:
        raise Mistake(
            f"{named.name} no longer has {', '.join(map(flag, gone))}, "
            "with which that run was made: go back to the code of the run"
        )

    def restore(value: Any) -> Any:
        return tuple(restore(part) for part in value) if isinstance(value, list) else value

    recorded = {name: restore(value) for name, value in values.items()}
    return dataclasses.replace(named.config, **neutral_values(named.config) | recorded)


def added_since(named: Named, values: dict[str, Any]) -> str:
    """A sentence on the options that a run was made without, or ""."""
    neutral = neutral_values(named.config)
    added = [
        f"{flag(field.name)} ({getattr(named.config, field.name)})"
        for field in fields_of(named.config)
        if field.name not in values and field.name not in neutral
    ]
    if not added:
        return ""
    return f"this run was made before the experiment had {', '.join(added)}: its default is taken"
