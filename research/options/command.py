"""What a command is, and how its command line is read."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, NamedTuple, TextIO

from research.errors import Exit, Mistake
from research.options.catalog import ROOT
from research.options.config import out_of_range
from research.options.options import Option, Scan, options_of, refuse, scan
from research.options.ranges import PATH

RUNS_DIR = "runs"


@dataclass(frozen=True)
class Common:
    """The option of every command."""

    json: Annotated[bool, "print one JSON object, text goes to stderr"] = False


@dataclass(frozen=True)
class OnRuns(Common):
    """The options of every command that reads or makes runs."""

    runs_dir: Annotated[str, "where runs are kept", PATH] = RUNS_DIR


class Argument(NamedTuple):
    """A word that a command takes beside its options.

    Attributes:
        name: as help shows it: `RUN`.
        help: one sentence.
        required: whether the command needs it.
        many: whether it may be given several times; only the last argument may.
        foreign: what was read of a command line -> names of options of what this word stands for,
            and why they are none of the command's.
    """

    name: str
    help: str
    required: bool = True
    many: bool = False
    foreign: Callable[[Scan], Mapping[str, str]] | None = None


class Context(NamedTuple):
    """What a command is run in.

    Attributes:
        human: where text for people goes: stdout, or stderr with `--json`.
        note: what `settle_environment` returned, or None.
        root: the folder that holds `experiments/`.
    """

    human: TextIO
    note: str | None = None
    root: Path = ROOT


class Outcome(NamedTuple):
    """How a command ended.

    `report` is what `--json` prints.
    """

    report: Mapping[str, Any]
    exit_code: int = Exit.DONE


class Section(NamedTuple):
    """A part of a help text: a heading and options."""

    title: str
    options: tuple[Option, ...]


class Command(NamedTuple):
    """One command of `launch.py`.

    Attributes:
        name: as typed.
        summary: one line, for the overview.
        text: paragraphs that teach.
        arguments: words it takes, in order.
        options: a frozen dataclass whose fields are its options.
        examples: (command line without `python launch.py`, what it does).
        exits: the exit codes it may end with beside 0 and 2.
        execute: does it.
        more: (words typed, context) -> further options for its help.
        works: whether it does something beside what it prints, which goes on when nobody reads.
    """

    name: str
    summary: str
    text: str
    arguments: tuple[Argument, ...]
    options: type
    examples: tuple[tuple[str, str], ...]
    exits: tuple[Exit, ...]
    execute: Callable[[Sequence[str], Context], Outcome]
    more: Callable[[Sequence[str], Context], Section | None] | None = None
    works: bool = False


def parse(command: Command, tokens: Sequence[str]) -> tuple[list[str], Any]:
    """The arguments and the options (an instance of `command.options`) on a command line.

    Raises:
        Mistake: everything that is wrong with it.
    """
    own = options_of(command.options)
    read = scan(tokens, own)
    foreign = command.arguments[0].foreign if command.arguments else None
    if read.mistakes and foreign:
        read = scan(tokens, own, foreign(read))
    options, messages = own_options(command.options, read)
    mistakes = read.mistakes + messages + wrong_count(command.arguments, read)
    refuse(command.name, mistakes, help_hint(command.name))
    return read.arguments, options


def own_options(kind: type, read: Scan) -> tuple[Any, list[str]]:
    """A command's own options, of that kind, and what is wrong with those that could be read.

    That is what the ranges in their annotations refuse, and their `validate`, if they have one.
    """
    names = {option.field for option in options_of(kind)}
    options = kind(**{k: v for k, v in read.values.items() if k in names})
    messages = out_of_range(options)
    messages += options.validate() if hasattr(options, "validate") else []
    named = re.compile(r"--([\w-]+)")
    return options, [line for line in messages if not read.wrong & set(named.findall(line))]


def wrong_count(arguments: Sequence[Argument], read: Scan) -> list[str]:
    """Messages about arguments that are missing or too many."""
    missing = [argument for argument in arguments if argument.required]
    found = len(read.arguments)
    messages = []
    if not read.unsure:
        messages += [
            f"{argument.name} is missing ({argument.help})" for argument in missing[found:]
        ]
    many = bool(arguments) and arguments[-1].many
    extra = [] if many else read.arguments[len(arguments) :]
    messages += [
        f"{word}: unexpected word (lists are written with commas and no spaces: 32,64)"
        if re.match(r"-?[\d.,]", word)
        else f"{word}: unexpected word"
        for word in extra
    ]
    return messages


def help_hint(command: str, name: str = "") -> str:
    """Where a person finds what is right."""
    words = " ".join(word for word in ("python launch.py", command, name) if word)
    return f"See: {words} --help"


def require(package: str, option: str, instead: str = "", pin: str = "") -> ModuleType:
    """Import a package that an option needs.

    `instead` ends the message with what works without it; `pin` are the versions that will do.

    Raises:
        Mistake: it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError:
        wanted = f"'{package}{pin}'" if pin else package
        raise Mistake(
            f"{option} needs {package}, which is not installed here: pip install {wanted}{instead}"
        ) from None


def spell_json(report: Mapping[str, Any]) -> str:
    """One line of strict JSON; NaN and infinity become words."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(key): plain(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [plain(part) for part in value]
        if isinstance(value, float) and not abs(value) < float("inf"):
            return str(value)
        return str(value) if isinstance(value, Path) else value

    return json.dumps(plain(report), allow_nan=False)
