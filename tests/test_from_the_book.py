"""The pages from a book's chapters to commands: each command can be given, in both languages."""

from __future__ import annotations

import io
import re
import shlex

import pytest

from research.cli.main import COMMANDS, load_command
from research.errors import Mistake
from research.options import launches
from research.options.catalog import ROOT, catalog, resolve
from research.options.command import Context, parse
from research.options.pace import RunOptions
from research.sweep import request

ENGLISH, KOREAN = (
    (ROOT / "docs" / name).read_text() for name in ("from-the-book.md", "from-the-book.ko.md")
)


def commands(page: str) -> list[str]:
    """What stands between backquotes and begins with a command's name, in order."""
    found = re.findall(r"`([^`]+)`", page)
    return [text for text in found if text.split()[0] in COMMANDS and " " in text]


def read(command: str) -> None:
    """Read a command line as the program does, and stop before anything is computed.

    Raises:
        Mistake: there is no such experiment or option, or a value is out of its range.
    """
    name, *words = shlex.split(command)
    context = Context(io.StringIO())
    if name == "run":
        launches.read(name, words, context, RunOptions)
    elif name == "sweep":
        request.read(name, words, context, lambda *_: [])
    else:
        arguments, _ = parse(load_command(name), words)
        if name not in ("list", "differentiate"):
            resolve(arguments[0], catalog())


@pytest.mark.parametrize("command", dict.fromkeys(commands(ENGLISH)))
def test_a_command_of_the_page_can_be_given(command: str) -> None:
    read(command)


@pytest.mark.parametrize(
    "wrong", ["run no_such_net", "run mnist_mlp --patience none", "sample dcgann"]
)
def test_one_that_cannot_is_found(wrong: str) -> None:
    with pytest.raises(Mistake):
        read(wrong)


def test_both_languages_have_the_same_chapters_and_commands() -> None:
    assert len(commands(ENGLISH)) > 90 and commands(ENGLISH) == commands(KOREAN)
    assert ENGLISH.count("\n## ") == KOREAN.count("\n## ")
    assert ENGLISH.count("\n|") == KOREAN.count("\n|")
