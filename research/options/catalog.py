"""The named experiments: found by their files, read without being executed."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from research.errors import EncoreError, Mistake
from research.options import making
from research.options.config import Config
from research.options.convert import nearest

if TYPE_CHECKING:
    from research.engine.experiment import Experiment, Needs
    from research.engine.inputs import Source

ROOT = Path(__file__).resolve().parents[2]


class Entry(NamedTuple):
    """One named experiment, as its file describes it.

    Attributes:
        name: `vision/digits_cnn`.
        path: its file.
        summary: the first line of its docstring.
        text: the whole docstring.
        expected: what stands after `Expected:`.
        time: what stands after `Time:`.
        problem: why the file cannot be used, or "".
    """

    name: str
    path: Path
    summary: str = ""
    text: str = ""
    expected: str = ""
    time: str = ""
    problem: str = ""


class Named(NamedTuple):
    """A named experiment, loaded.

    Attributes:
        name: `vision/digits_cnn`.
        path: its file.
        config: the value that its file gives, of a class made from `Config`: what it is unless
            something else is chosen.
    """

    name: str
    path: Path
    config: Any

    def make(
        self, config: Any, needs: Needs | None = None, inputs: Mapping[str, Source] | None = None
    ) -> Experiment:
        """The experiment of a config, as `research.options.making.make` has it.

        Raises:
            Mistake: no run can be made of it.
        """
        return making.make(self, config, needs, inputs or {})


def catalog(root: Path = ROOT) -> list[Entry]:
    """All named experiments under `root/experiments`, by name; broken files included."""
    files = sorted((root / "experiments").glob("*/*.py"))
    return [read(file) for file in files if not file.name.startswith("_")]


def read(file: Path) -> Entry:
    """The entry of one file; one that cannot be read has `problem` set."""
    name = f"{file.parent.name}/{file.stem}"
    try:
        text = ast.get_docstring(ast.parse(file.read_bytes(), str(file)))
    except SyntaxError as error:
        return Entry(name, file, problem=f"line {error.lineno}: {error.msg}")
    except (OSError, ValueError) as error:
        return Entry(name, file, problem=str(error))
    if not text:
        return Entry(name, file, problem="it has no docstring to say what it shows")
    summary = " ".join(text.split("\n\n")[0].split())
    return Entry(
        name, file, summary, text, _fixed_line("Expected", text), _fixed_line("Time", text)
    )


def _fixed_line(label: str, text: str) -> str:
    """What follows `label:` at the start of a line, with the indented lines after it."""
    found = re.search(rf"^{label}:[ \t]*(.*(?:\n[ \t]+\S.*)*)", text, re.MULTILINE)
    return " ".join(found[1].split()) if found else ""


def resolve(name: str, entries: Sequence[Entry]) -> Entry:
    """The entry that a full name, or a short one that fits just once, stands for.

    `experiments/vision/digits_cnn.py` stands for `vision/digits_cnn` too.

    Raises:
        Mistake: unknown (with the nearest right names), ambiguous, or a broken file.
    """
    wanted = name.removeprefix("./").removeprefix("experiments/").removesuffix(".py").strip("/")
    full = [entry for entry in entries if entry.name == wanted]
    found = full or [entry for entry in entries if entry.name.rpartition("/")[2] == wanted]
    if len(found) > 1:
        names = " or ".join(entry.name for entry in found)
        raise Mistake(f"{name} could be {names}; give the full name")
    if not found:
        raise Mistake(f"there is no experiment {name}{_suggestion(wanted, entries)}")
    if found[0].problem:
        raise Mistake(f"{found[0].path} cannot be used: {found[0].problem}")
    return found[0]


def _suggestion(wanted: str, entries: Sequence[Entry]) -> str:
    full = {entry.name: entry.name for entry in entries}
    short = {entry.name.rpartition("/")[2]: entry.name for entry in entries}
    words = nearest(wanted, full) + nearest(wanted.rpartition("/")[2], short)
    names = list(dict.fromkeys((full | short)[word] for word in words))
    if not names:
        names = [name for name in full if wanted and wanted in name]
    if names:
        return f"; did you mean {' or '.join(names[:3])}?"
    return "; `python launch.py list` shows all"


def load(entry: Entry) -> Named:
    """Import an experiment's file, and with it JAX.

    Raises:
        Mistake: the file fails to import, or has no `config`.
    """
    config = getattr(_module(entry), "config", None)
    if not isinstance(config, Config):
        raise Mistake(
            f"{entry.path} cannot be used: it does not define `config`, an object of a class made "
            "from research.options.config.Config"
        )
    return Named(entry.name, entry.path, config)


def _module(entry: Entry) -> ModuleType:
    name = f"experiments.{entry.name.replace('/', '.')}"
    module = sys.modules.get(name)
    if module is not None and module.__file__ == str(entry.path):
        return module
    spec = importlib.util.spec_from_file_location(name, entry.path)
    if spec is None or spec.loader is None:
        raise Mistake(f"{entry.path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name to resolve annotations.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except EncoreError as error:
        del sys.modules[name]
        raise Mistake(f"{entry.path} cannot be used: {error}") from None
    except Exception as error:
        del sys.modules[name]
        frames = traceback.extract_tb(error.__traceback__)
        where = [frame for frame in frames if "importlib" not in frame.filename][-1]
        raise Mistake(
            f"{entry.path} cannot be imported: {type(error).__name__}: {error}\n"
            f"  {where.filename}, line {where.lineno}: {where.line}"
        ) from error
    return module
