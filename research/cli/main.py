"""From a command line to an exit code: every foreseen ending is one message."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from research.cli.catalog import ROOT
from research.cli.command import Command, Context, Outcome, spell_json
from research.cli.convert import did_you_mean
from research.errors import EncoreError, Exit, Mistake

COMMANDS = (
    "list",
    "run",
    "resume",
    "sweep",
    "show",
    "runs",
    "compare",
    "report",
    "play",
    "evaluate",
    "sample",
    "translate",
    "verify",
    "diff",
    "prepare",
    "explain",
    "doctor",
    "remove",
    "compact",
)
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def main(tokens: Sequence[str], note: str | None = None) -> int:
    """Run one command.

    Args:
        tokens: the command line after the program's name.
        note: what `settle_environment` had to say; shown by the commands that compute.

    Returns:
        The exit code, as `research.errors.Exit` has them.
    """
    if any(token.split("=")[0] == "--coordinator" for token in tokens):
        _keep_output_to_ourselves()
    as_json = any(token == "--json" or token.startswith("--json=") for token in tokens)
    context = Context(sys.stderr if as_json else sys.stdout, note, ROOT)
    try:
        outcome = _dispatch(tokens, context)
        if as_json and outcome is not None:
            print(spell_json(outcome.report))
        sys.stdout.flush()
        return int(outcome.exit_code) if outcome is not None else Exit.DONE
    except BrokenPipeError:
        # Who read the output has left (`list | head`): nothing to say, and nobody to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except EncoreError as error:
        return _end(str(error), error.exit_code, as_json, getattr(error, "result", {}))
    except KeyboardInterrupt:
        return _end("interrupted; what was saved stays, and the same command continues",
                    Exit.STOPPED, as_json)  # fmt: skip
    except OSError as error:
        message, code = _explain(error)
        if not message:
            return _bug(error, as_json)
        return _end(message, code, as_json)
    except Exception as error:
        return _bug(error, as_json)


def load_command(name: str) -> Command:
    """The command of that name; imports its module only, and never JAX."""
    return importlib.import_module(f"research.cli.commands.{name}").COMMAND


def _keep_output_to_ourselves() -> None:
    """Let only Python write to standard output: Gloo says there that it is connected."""
    sys.stdout.flush()
    own, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    sys.stdout = os.fdopen(
        own, "w", buffering=1, encoding=sys.stdout.encoding, errors=sys.stdout.errors
    )


def _dispatch(tokens: Sequence[str], context: Context) -> Outcome | None:
    from research.cli.help import print_help, print_overview

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
    if any(token in ("-h", "--help") for token in rest):
        print_help(command, context, [token for token in rest if token not in ("-h", "--help")])
        return None
    return command.execute(rest, context)


def _explain(error: OSError) -> tuple[str, Exit]:
    """One message for what a full or closed disk does, or "" for what nobody foresaw."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in _NO_SPACE:
        return (
            f"there is no room to write{where}: {error.strerror}; "
            "what was saved stays: make room, and the same command continues",
            Exit.STOPPED,
        )
    if error.errno in _NOT_ALLOWED:
        return f"not allowed{where}: {error.strerror}; check its owner and mode", Exit.MISTAKE
    return "", Exit.MISTAKE


def _end(message: str, code: int, as_json: bool, result: Mapping[str, Any] | None = None) -> int:
    """Say how it ended: on stderr, and as one JSON object where that was asked for."""
    label = "" if message.startswith("stopped") else "stopped: "
    print(f"{label if code == Exit.STOPPED else 'error: '}{message}", file=sys.stderr)
    if as_json:
        print(spell_json({**(result or {}), "error": message, "exit_code": int(code)}), flush=True)
    return int(code)


def _bug(error: Exception, as_json: bool) -> int:
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
