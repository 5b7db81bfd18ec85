"""Options from the fields of a frozen dataclass: the commands' own and every experiment's."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from research.errors import Mistake
from research.options.config import fields_of
from research.options.convert import (
    Refusal,
    at_home,
    bounded,
    convert,
    describe,
    hint,
    is_bool,
    nearest,
    supported,
)
from research.options.ranges import INT32, PATH, Range, RunOf, flag


class Option(NamedTuple):
    """One option.

    Attributes:
        name: as typed, without the dashes: `batch-size`.
        field: the dataclass field it sets.
        kind: the type of its value.
        default: the field's default.
        help: one sentence, or "".
        several: whether values with commas between are read as `Several`.
        path: whether it names a place, in which `~` is a home folder.
        most: the largest whole number that it takes.
        allowed: its range in words, or "".
    """

    name: str
    field: str
    kind: Any
    default: Any
    help: str
    several: bool = False
    path: bool = False
    most: int = INT32
    allowed: str = ""


class Several(NamedTuple):
    """Values with commas between, where one is usual: a run for each, or members of a population.

    They are at least two, as typed.
    """

    values: tuple[Any, ...]


class Scan(NamedTuple):
    """What stood on a command line.

    Attributes:
        arguments: the words that belong to no option.
        values: field -> converted value, for the options that were given and are right.
        wrong: names of known options that were given and are wrong.
        mistakes: one line each.
        unsure: whether an unknown option may have taken a word that was meant as an argument.
    """

    arguments: list[str]
    values: dict[str, Any]
    wrong: set[str]
    mistakes: list[str]
    unsure: bool


def options_of(config: Any) -> tuple[Option, ...]:
    """The options of a dataclass whose fields are `name: Annotated[type, "help"] = default`.

    Behind the help can stand a `Range`, `PATH` or `RunOf`.
    A last `_` is no part of the option: `in_`, which Python keeps `in` for itself, is `--in`.

    `config` is the class, or an object of it, whose values are then the defaults.

    Raises:
        Mistake: fields without a default, or of a type that no option can spell: all of them.
    """
    options, problems = [], []
    defaults = _defaults(config)
    for field in fields_of(config):
        default = defaults.get(field.name, dataclasses.MISSING)
        if default is dataclasses.MISSING:
            problems.append(f"the field {field.name} needs a default")
        if not supported(field.kind):
            problems.append(
                f"the field {field.name} is {describe(field.kind)}, which no option can spell"
            )
        allowed = field.mark(Range)
        options.append(
            Option(
                flag(field.name).removeprefix("--"),
                field.name,
                field.kind,
                default,
                field.help,
                path=PATH in field.marks or field.mark(RunOf) is not None,
                most=allowed.most if allowed else INT32,
                allowed=str(allowed or ""),
            )
        )
    if problems:
        owner = config if isinstance(config, type) else type(config)
        raise Mistake(f"{owner.__module__}.{owner.__name__}: {'; '.join(problems)}")
    return tuple(options)


def _defaults(config: Any) -> dict[str, Any]:
    if not isinstance(config, type):
        return {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    made = {
        field.name: field.default_factory()
        for field in dataclasses.fields(config)
        if field.default_factory is not dataclasses.MISSING
    }
    return {field.name: field.default for field in dataclasses.fields(config)} | made


def clashes(own: Iterable[Option], others: Iterable[Option]) -> list[str]:
    """Fields of `own` whose options are spelled like one another or like those of `others`."""
    own = tuple(own)
    taken = {"help"}.union(*(_spellings(option) for option in others))
    problems = []
    for index, option in enumerate(own):
        before = taken.union(*(_spellings(other) for other in own[:index]))
        for spelling in sorted(_spellings(option) & before):
            problems.append(f"the field {option.field} makes --{spelling}, which is taken")
    return problems


def _spellings(option: Option) -> set[str]:
    return {option.name, f"no-{option.name}"} if option.kind is bool else {option.name}


def scan(
    tokens: Sequence[str], options: Iterable[Option], elsewhere: Mapping[str, str] | None = None
) -> Scan:
    """Read a command line to its end, whatever is wrong with it.

    Both `--name value` and `--name=value` are read, `_` in a name as `-`; a bool also as `--name`
    and `--no-name`; `-o` is short for `--output`.

    `elsewhere` maps the name of an option of something else to why it is not among these.
    """
    known = {option.name: option for option in options}
    result = Scan([], {}, set(), [], False)
    given: dict[str, str] = {}
    rest = list(tokens)
    while rest:
        token = rest.pop(0)
        if token.partition("=")[0] == "-o" and "output" in known:
            token = f"--output{token[2:]}"
        if token == "--":
            result.arguments.extend(rest)
            break
        if not token.startswith("-") or token == "-":
            result.arguments.append(token)
            continue
        name, equals, text = token.lstrip("-").partition("=")
        name = name.replace("_", "-")
        option, negated = known.get(name), False
        if option is None and name.startswith("no-"):
            option = known.get(name.removeprefix("no-"))
            negated = option is not None and option.kind is bool
            option = option if negated else None
        if option is None or not token.startswith("--"):
            result.mistakes.append(_unknown(token, name, known, elsewhere or {}))
            if not equals and rest and not rest[0].startswith("-"):
                rest.pop(0)
                result = result._replace(unsure=True)
            continue
        value: str | None = text if equals else None
        if option.kind is bool:
            if negated:
                value = "false" if not equals else f"no-...={text}"
            elif not equals:
                value = rest.pop(0) if rest and is_bool(rest[0]) else "true"
        elif not equals and rest and not rest[0].startswith("--"):
            value = rest.pop(0)
        _take(option, value, given, result)
    return result


def _unknown(
    token: str, name: str, known: Mapping[str, Option], elsewhere: Mapping[str, str]
) -> str:
    why = elsewhere.get(name) or elsewhere.get(name.removeprefix("no-"))
    if why:
        return f"{token.partition('=')[0]}: {why}"
    if name in known:
        return f"{token}: two dashes are wanted: --{name}"
    words = {*known, "help"}
    if name.startswith("no-"):
        words = words.union(*(_spellings(option) for option in known.values()))
    # Likeness is of the words: the dashes that all share would make any two short ones alike.
    near = [f"--{word}" for word in nearest(name, sorted(words))]
    return f"{token.partition('=')[0]}: there is no such option{hint(near)}"


def _take(option: Option, text: str | None, given: dict[str, str], result: Scan) -> None:
    """Convert one option's text into `result.values`, or say in `result.mistakes` why not."""
    if option.name in given:
        result.mistakes.append(
            f"--{option.name}: given twice ({given[option.name]} and {text}); give it once"
        )
        return
    given[option.name] = str(text)
    if text is None:
        result.mistakes.append(f"--{option.name}: a value is missing ({describe(option.kind)})")
        result.wrong.add(option.name)
        return
    try:
        parts = text.split(",") if option.several else [at_home(text) if option.path else text]
        values = tuple(bounded(convert(p.strip(), option.kind), option.most) for p in parts)
        if len(set(values)) < len(values):
            raise Refusal("a value stands there twice")
        result.values[option.field] = values[0] if len(values) == 1 else Several(values)
    except Refusal as refusal:
        result.mistakes.append(f"--{option.name} {text}: {refusal}")
        result.wrong.add(option.name)


def refuse(what: str, mistakes: Sequence[str], hint: str = "") -> None:
    """Raise a Mistake that lists all of `mistakes`, if there are any.

    Raises:
        Mistake: where `mistakes` is not empty.
    """
    if not mistakes:
        return
    lines = list(dict.fromkeys(mistakes))
    if len(lines) == 1:
        text = f"{what}: {lines[0]}"
    else:
        text = "\n".join([f"{what}: {len(lines)} mistakes", *(f"  {line}" for line in lines)])
    raise Mistake(f"{text}\n{hint}" if hint else text)


def file_problems(option: str, text: str, suffix: str) -> list[str]:
    """What is wrong with a file that an option names, to be written or replaced; "" is none."""
    path = Path(text)
    if text and path.suffix.lower() != suffix:
        return [f"{option} {text}: the graph is written as {suffix}"]
    if not path.parent.is_dir():
        return [f"{option} {text}: there is no folder {path.parent}"]
    return [f"{option} {text}: that is a folder"] if text and path.is_dir() else []
