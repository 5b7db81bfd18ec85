"""The experiment named on a command line, and its config of the options given."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Callable, Sequence
from typing import Any

from research.errors import Mistake
from research.options.catalog import Entry, Named, catalog, load, resolve
from research.options.command import Argument, Context, Section, help_hint, own_options
from research.options.config import fields_of, neutral_values, problems_of
from research.options.convert import is_bool, optional
from research.options.options import Option, Scan, clashes, options_of, refuse, scan
from research.options.ranges import flag

NAME = Argument("NAME", "an experiment; its last part is enough where only one has it")


def find_name(
    tokens: Sequence[str],
    own: Sequence[Option],
    entries: Sequence[Entry],
    skip: Callable[[str], bool] | None = None,
) -> int | None:
    """The position of NAME: a word that is an experiment, else one that is no option's value.

    A word of which `skip` is true is never NAME.
    """
    names = {word for e in entries for word in (e.name, e.name.rpartition("/")[2])}
    kinds = {option.name: option.kind for option in own}
    loose: list[int] = []
    unsure: list[int] = []
    value_of = ""
    for position, token in enumerate(tokens):
        if token.startswith("-") or (skip and skip(token)):
            name = token.lstrip("-").replace("_", "-")
            value_of = "" if "=" in token or name.startswith("no-") else name
            continue
        taken = value_of in kinds and (kinds[value_of] is not bool or is_bool(token))
        if not taken:
            (unsure if value_of and value_of not in kinds else loose).append(position)
        value_of = ""
    candidates = [*loose, *unsure]
    return next(
        (p for p in candidates if tokens[p] in names), candidates[0] if candidates else None
    )


def read_name(
    command: str,
    kind: type,
    tokens: Sequence[str],
    context: Context,
    skip: Callable[[str], bool] | None = None,
) -> tuple[Named, list[str]]:
    """The experiment that a command line names, and the other words of it.

    Args:
        command: its name.
        kind: of its own options.
        tokens: its command line.
        context: where the experiments lie.
        skip: as `find_name` has it.

    Raises:
        Mistake: it names none, with all that is wrong with the command's own options.
    """
    own = options_of(kind)
    entries = catalog(context.root)
    at = find_name(tokens, own, entries, skip)
    rest = [token for position, token in enumerate(tokens) if position != at]
    try:
        if at is None:
            raise Mistake("NAME is missing (`python launch.py list` shows all)")
        entry = resolve(tokens[at], entries)
    except Mistake as mistake:
        # Which fields there are is not known without the experiment; the command's own are.
        found = scan(rest, own)
        known = [message for message in found.mistakes if "no such option" not in message]
        known += own_options(kind, found)[1]
        refuse(command, [str(mistake), *known], help_hint(command))
        raise
    return load(entry), rest


def name_section(
    kind: type,
    title: str,
    tokens: Sequence[str],
    context: Context,
    skip: Callable[[str], bool] | None = None,
) -> Section | None:
    """The options of the experiment named, beside those of a kind; `title` has `{}` for it."""
    entries, own = catalog(context.root), options_of(kind)
    at = find_name(tokens, own, entries, skip)
    if at is None:
        return None
    named = load(resolve(tokens[at], entries))
    return Section(title.format(named.name), config_options(named, own))


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

    Of the command line only values of config fields are used.

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
