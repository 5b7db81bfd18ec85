"""From a command line to an exit code: every foreseen ending is one message."""

from __future__ import annotations

import os
import pkgutil
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from research.cli.failures import explain
from research.cli.streams import ReaderLeft, keep_output_to_ourselves, need_reader
from research.engine import interrupts
from research.errors import EncoreError, Exit, Mistake
from research.options.catalog import ROOT
from research.options.command import Command, Context, Outcome, spell_json
from research.options.convert import did_you_mean

COMMANDS = {
    "list": "research.cli.commands.list:COMMAND",
    "run": "research.cli.commands.run:COMMAND",
    "resume": "research.cli.commands.resume:COMMAND",
    "sweep": "research.sweep.commands:COMMAND",
    "show": "research.cli.commands.show:COMMAND",
    "runs": "research.cli.commands.runs:COMMAND",
    "compare": "research.cli.commands.compare:COMMAND",
    "report": "research.cli.commands.report:COMMAND",
    "play": "research.rl.commands:PLAY",
    "evaluate": "research.rl.commands:EVALUATE",
    "predict": "research.cli.commands.predict:COMMAND",
    "serve": "research.serving.commands:SERVE",
    "export": "research.export.commands:EXPORT",
    "sample": "research.cli.commands.sample:COMMAND",
    "reconstruct": "research.generative.commands:RECONSTRUCT",
    "differentiate": "research.autodiff.commands:DIFFERENTIATE",
    "translate": "research.sequence.commands:TRANSLATE",
    "verify": "research.cli.commands.verify:COMMAND",
    "diff": "research.cli.commands.diff:COMMAND",
    "data": "research.cli.commands.data:COMMAND",
    "prepare": "research.cli.commands.prepare:COMMAND",
    "explain": "research.cli.commands.explain:COMMAND",
    "doctor": "research.cli.commands.doctor:COMMAND",
    "remove": "research.cli.commands.remove:COMMAND",
    "compact": "research.cli.commands.compact:COMMAND",
}
"""Name -> where it stands: a module, and a name in it; the commands of a field beside the field."""


def main(tokens: Sequence[str], note: str | None = None) -> int:
    """Run one command.

    `note` is what `settle_environment` returned: the commands that compute show it.

    Returns:
        The exit code, as `research.errors.Exit` has them.
    """
    if any(token.split("=")[0] == "--coordinator" for token in tokens):
        keep_output_to_ourselves()
    as_json = any(token == "--json" or token.startswith("--json=") for token in tokens)
    context = Context(sys.stderr if as_json else sys.stdout, note, ROOT)
    if as_json:
        interrupts.set_ending(write=_write_as_json)
    try:
        outcome = _dispatch(tokens, context)
        if as_json and outcome is not None:
            print(spell_json(outcome.report))
        sys.stdout.flush()
        return int(outcome.exit_code) if outcome is not None else Exit.DONE
    except ReaderLeft:
        return Exit.DONE
    except EncoreError as error:
        return _end(str(error), error.exit_code, as_json, getattr(error, "result", {}))
    except KeyboardInterrupt:
        return _end(interrupts.LATER, Exit.STOPPED, as_json)
    except Exception as error:
        explained = explain(error)
        return _bug(error, as_json) if explained is None else _end(*explained, as_json)


def load_command(name: str) -> Command:
    """The command of that name; imports its module only, and never JAX."""
    command: Command = pkgutil.resolve_name(COMMANDS[name])
    return command


def _dispatch(tokens: Sequence[str], context: Context) -> Outcome | None:
    from research.options.help import print_help, print_overview

    need_reader(True)
    words = [token for token in tokens if not token.startswith("-")]
    if not tokens or tokens[0] in ("-h", "--help", "help"):
        if len(words) > 1 and words[0] == "help" and words[1] in COMMANDS:
            print_help(load_command(words[1]), context, words[2:])
        else:
            print_overview(map(load_command, COMMANDS), context.human)
        return None
    name, rest = tokens[0], tokens[1:]
    if name.startswith("-"):
        raise Mistake(f"{name}: the command comes first, as in `python launch.py run {name} ...`")
    if name not in COMMANDS:
        near = did_you_mean(name, COMMANDS) or f"; there are {', '.join(COMMANDS)}"
        raise Mistake(f"there is no command {name}{near}")
    command = load_command(name)
    need_reader(not command.works)
    if Exit.STOPPED not in command.exits:
        interrupts.set_ending(interrupts.LATER)
    if any(token in ("-h", "--help") for token in rest):
        need_reader(True)
        print_help(command, context, [token for token in rest if token not in ("-h", "--help")])
        return None
    return command.execute(rest, context)


def _write_as_json(words: str) -> None:
    """Write in a signal's thread, as text and as JSON, that it ends the process."""
    report = {"error": words, "exit_code": int(Exit.STOPPED)}
    os.write(2, f"{words}\n".encode())
    os.write(sys.stdout.fileno(), f"{spell_json(report)}\n".encode())


def _end(message: str, code: int, as_json: bool, result: Mapping[str, Any] | None = None) -> int:
    """Say how it ended: on stderr, and as one JSON object where that was asked for."""
    need_reader(False)
    label = "" if message.startswith("stopped") else "stopped: "
    print(f"{label if code == Exit.STOPPED else 'error: '}{message}", file=sys.stderr)
    if as_json:
        print(spell_json({**(result or {}), "error": message, "exit_code": int(code)}), flush=True)
    return int(code)


def _bug(error: Exception, as_json: bool) -> int:
    need_reader(False)
    traceback.print_exception(error)
    message = f"{type(error).__name__}: {error}"
    print(
        f"error: {message}\nThis is a bug in Encore or in the experiment. Please report the lines "
        "above with the command and the output of `python launch.py doctor`.",
        file=sys.stderr,
    )
    if as_json:
        print(spell_json({"error": message, "exit_code": 1}), flush=True)
    return 1
