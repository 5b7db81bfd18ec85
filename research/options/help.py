"""Help texts: the overview and one for each command."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import TextIO

from research.errors import Exit
from research.options.command import Command, Context, Section
from research.options.convert import describe, spell
from research.options.options import Option, options_of
from research.options.terminal import make_console, width

PROGRAM = "python launch.py"
COMMON = ("seed", "checkpoint", "member", "runs_dir", "json")
"""Options of many commands: they stand behind those of one, in this order."""
_LEFT = 26

EXITS = {
    Exit.DONE: "done",
    Exit.DIVERGED: "a loss, or another figure of training, was not finite, or memory ran out",
    Exit.MISTAKE: "a mistake in the command; nothing was created",
    Exit.DIFFERENCE: "a difference was found",
    Exit.DAMAGED: "damaged, with nothing to fall back on",
    Exit.INCOMPARABLE: "cannot be verified here: nothing could be compared to the bit",
    Exit.STOPPED: "stopped before the end; the same command continues",
}
_START = (
    ("list", "the experiments"),
    ("run digits_cnn", "train one; typed again, it continues or prints the result"),
    ("run digits_cnn --help", "the options of one experiment"),
    ("run digits_cnn --seed 1 --epochs 20", "another seed, and another value of an option"),
    ("verify digits_cnn", "replay it, and compare every bit"),
)


def print_overview(commands: Iterable[Command], file: TextIO) -> None:
    """What Encore is and what can be typed."""
    pages = [
        "# Encore: research runs that repeat to the bit",
        f"{PROGRAM} COMMAND [OPTIONS]",
        "# Commands",
        *_rows((command.name, command.summary) for command in commands),
        "# To begin",
        *_examples(_START),
        "# Exit codes",
        *_rows((str(int(code)), text) for code, text in EXITS.items()),
        f"`{PROGRAM} COMMAND --help` explains each command. --json prints one JSON object.",
    ]
    _print(pages, file)


def print_help(command: Command, context: Context, tokens: Sequence[str]) -> None:
    """The help of one command, with the options of the experiment named, if one is."""
    section = command.more(tokens, context) if command.more else None
    names = [f"{argument.name}{'...' if argument.many else ''}" for argument in command.arguments]
    words = [name if argument.required else f"[{name}]"
             for name, argument in zip(names, command.arguments, strict=True)]  # fmt: skip
    usage = " ".join([PROGRAM, command.name, *words, "[OPTIONS]"])
    pages = [f"# {usage}", *_paragraphs(command.text)]
    if command.arguments:
        pages += ["# Arguments", *_rows((a.name, a.help) for a in command.arguments)]
    if section:
        pages += _section(section)
    places = {name: place for place, name in enumerate(COMMON)}
    own = sorted(options_of(command.options), key=lambda option: places.get(option.field, -1))
    pages += _section(Section("Options", tuple(own)))
    pages += ["# Examples", *_examples(command.examples)]
    codes = sorted((Exit.DONE, Exit.MISTAKE, *command.exits))
    pages += ["# Exit codes", *_rows((str(int(code)), EXITS[code]) for code in codes)]
    _print(pages, context.human)


def _section(section: Section) -> list[str]:
    return [f"# {section.title}", *_rows(_option_row(option) for option in section.options)]


def _option_row(option: Option) -> tuple[str, str]:
    notes = [option.allowed] if option.allowed else []
    if option.kind is bool:
        left = f"--{'[no-]' if option.default is True else ''}{option.name}"
        notes += ["default: on"] if option.default is True else []
    else:
        left = f"--{option.name} {describe(option.kind)}"
        has_default = option.default is not None and spell(option.default).strip() != ""
        notes += [f"default: {spell(option.default)}"] if has_default else []
    if not notes:
        return left, option.help
    text = f"{option.help[:-1]}; " if option.help.endswith("]") else f"{option.help} ["
    return left, f"{text}{'; '.join(notes)}]"


def _rows(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [f"| {left}\t{right}" for left, right in rows]


def _examples(examples: Iterable[tuple[str, str]]) -> list[str]:
    return [f"> {PROGRAM} {line}\t{text}" for line, text in examples]


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in text.strip().split("\n\n")]


def _print(pages: Iterable[str], file: TextIO) -> None:
    """Lay the lines out: `# heading`, `| left <tab> right`, `> example <tab> comment`, text."""
    columns = min(width(file), 100)
    console = make_console(file)
    first = True
    for page in pages:
        left, _, right = page[2:].partition("\t")
        if page.startswith("# "):
            if not first:
                console.print()
            console.print(page[2:], style="bold")
        elif page.startswith("| "):
            for line in _two_columns(left, right, columns):
                console.print(line)
        elif page.startswith("> "):
            console.print(f"  {left}", style="cyan")
            console.print(f"      {right}", style="dim")
        else:
            if not first:
                console.print()
            for line in textwrap.wrap(page, columns, break_on_hyphens=False):
                console.print(line)
        first = False


def _two_columns(left: str, right: str, columns: int) -> list[str]:
    lines = textwrap.wrap(right, max(columns - _LEFT - 2, 20)) or [""]
    if len(left) > _LEFT - 2:
        rows = textwrap.wrap(left, columns - 4, subsequent_indent="    ", break_on_hyphens=False)
        return [f"  {row}" for row in rows] + [f"  {'':{_LEFT}}{line}" for line in lines if line]
    first, *others = lines
    return [f"  {left:{_LEFT}}{first}".rstrip(), *(f"  {'':{_LEFT}}{line}" for line in others)]
