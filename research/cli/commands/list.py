"""`list`: the named experiments, with what each should give and take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from research.errors import Mistake
from research.options.catalog import Entry, catalog
from research.options.command import Argument, Command, Common, Context, Outcome, parse
from research.options.convert import did_you_mean
from research.options.terminal import cut, is_terminal, make_console, width

_GAP = 2


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Print the experiments of a field, or those that have a text in their name or docstring."""
    words, _ = parse(COMMAND, tokens)
    entries = catalog(context.root)
    text = words[0].lower() if words else ""
    good = [entry for entry in entries if not entry.problem]
    field = [entry for entry in good if text == entry.name.rpartition("/")[0].lower()]
    found = field or [entry for entry in good if text in f"{entry.name}\n{entry.text}".lower()]
    if text and not found:
        names = [word for entry in good for word in (entry.name, entry.name.rpartition("/")[2])]
        raise Mistake(f"no experiment mentions {words[0]}{did_you_mean(text, names)}")
    broken = [entry for entry in entries if entry.problem]
    _print(found, context.human)
    _print_broken(broken, context)
    return Outcome(
        {
            "experiments": [
                {
                    "name": entry.name,
                    "summary": entry.summary,
                    "expected": entry.expected,
                    "time": entry.time,
                }
                for entry in found
            ],
            "broken": {entry.name: entry.problem for entry in broken},
        }
    )


def _print(entries: Sequence[Entry], file: TextIO) -> None:
    """One line each: name, time, expected; cut to the terminal's width, whole elsewhere."""
    if not entries:
        print("no experiments yet: add a file experiments/FIELD/NAME.py", file=file)
        return
    rows = [(entry.name, entry.time or "-", entry.expected or entry.summary) for entry in entries]
    name_width = max(len(name) for name, _, _ in rows)
    time_width = min(max(len(time) for _, time, _ in rows), 24)
    on_terminal = is_terminal(file)
    console = make_console(file)
    left = width(file) - name_width - time_width - 2 * _GAP
    for name, time, expected in rows:
        if on_terminal:
            time, expected = cut(time, time_width), cut(expected, left)
        console.print(f"{name:{name_width}}", style="bold cyan", end=" " * _GAP)
        console.print(f"{time:{time_width}}", style="dim", end=" " * _GAP)
        console.print(expected)


def _print_broken(entries: Sequence[Entry], context: Context) -> None:
    from sys import stderr

    for entry in entries:
        path = entry.path.relative_to(context.root)
        print(f"broken: {path}: {entry.problem}", file=stderr)


COMMAND = Command(
    name="list",
    summary="the named experiments, what to expect of them, and how long they take",
    text="""Every file experiments/FIELD/NAME.py is a named experiment. The time and the expected
    figure are those of its docstring.""",
    arguments=(Argument("TEXT", "a field; or what is in the name or docstring", required=False),),
    options=Common,
    examples=(
        ("list", "all"),
        ("list vision", "those of a field"),
        ("list ppo", "those about PPO"),
        ("list --json", "for a program"),
    ),
    exits=(),
    execute=execute,
)
