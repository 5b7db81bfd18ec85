"""Which run a person means by a path, or by a part of one; and what lies under a run's name."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from research.engine.directory import LEDGER_FILE
from research.errors import Mistake
from research.options.command import RUNS_DIR, Argument
from research.options.convert import nearest
from research.options.options import Scan
from research.runs.files import read_header

_IN_USE = re.compile(r"(^|/)[0-9a-f]+-s\d+(\+\d+-w\d+)?$")
_ASIDE = re.compile(r"\.aside-\d+$")


class Places(NamedTuple):
    """What lies in a folder of runs, by name.

    Attributes:
        runs: those with a ledger.
        without_ledger: directories with the name of a run that have lost their ledger, or have
            none yet.
        unreadable: what this user may not look into: runs, or what holds some.
    """

    runs: list[Path]
    without_ledger: list[Path]
    unreadable: list[Path]


class Standing(NamedTuple):
    """What a directory is to another one.

    Attributes:
        words: `a link to ...`, `a copy of ...`; "" where it is a run under its own name.
        again: whether it is another run of the same folder once more, by a link.
    """

    words: str = ""
    again: bool = False


def look(runs_dir: Path) -> Places:
    """All runs, those put aside by `--restart` included; links are followed.

    Raises:
        OSError: the folder itself cannot be read.
    """
    found = Places([], [], [])
    places = [runs_dir]
    for depth in range(3):
        below: list[Path] = []
        for place in places:
            try:
                below += [Path(entry.path) for entry in os.scandir(place) if _is_folder(entry)]
            except PermissionError:
                if not depth:
                    raise
                found.unreadable.append(place)
            except (FileNotFoundError, NotADirectoryError):
                continue
        places = below
    for place in sorted(places):
        try:
            os.close(os.open(place / LEDGER_FILE, os.O_RDONLY))
        except PermissionError:
            found.unreadable.append(place)
        except OSError:
            if is_in_use(place.name):
                found.without_ledger.append(place)
        else:
            found.runs.append(place)
    return found


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle, or to what may not be seen
        return False


def find_runs(runs_dir: Path) -> list[Path]:
    """All runs that can be read, by experiment and name."""
    return look(runs_dir).runs


def is_in_use(name: str) -> bool:
    """Whether a run of that name is the one that its command finds: solo or a population.

    Runs that `--restart` put aside have other names.
    """
    return _IN_USE.search(name) is not None


def is_aside(name: str) -> bool:
    """Whether a run of that name was put aside by `--restart`."""
    return _ASIDE.search(name) is not None


def find_meant(text: str, runs_dir: Path) -> list[Path]:
    """All runs that `text` stands for, where several may be meant: `digits_cnn` is all of them.

    Raises:
        Mistake: none fits.
    """
    path = Path(text)
    if (path / LEDGER_FILE).is_file():
        return [path]
    if path.is_dir() and not (runs_dir.is_dir() and path.samefile(runs_dir)):
        # A folder of runs, as a shell completes it: `runs/vision/digits_cnn`.
        below = _runs_below(path)
        if below:
            return [run for run in below if is_in_use(run.name)] or below
    runs = _by_name(runs_dir)
    wanted = text.strip("/")
    fitting = [name for name in runs if name == wanted] or _fitting(wanted, runs)
    fitting = [name for name in fitting if is_in_use(name)] or fitting
    return [runs[name] for name in fitting] if fitting else [find_run(text, runs_dir)]


def find_run(text: str, runs_dir: Path) -> Path:
    """The directory of the run that `text` stands for.

    A path; or the run's path below `runs_dir`; or any beginning or end of it, or of its parts,
    that only one run has: `digits_cnn/3f2a`, `3f2a9c01d2e4-s0`, `3f2a-s0`, `digits_cnn`.

    Raises:
        Mistake: none or several fit.
    """
    path = Path(text)
    if (path / LEDGER_FILE).is_file():
        return path
    runs = _by_name(runs_dir)
    wanted = text.strip("/")
    fitting = [name for name in runs if name == wanted] or _fitting(wanted, runs)
    if len(fitting) > 1:
        # A run that `--restart` put aside is meant only where it is named in full.
        fitting = [name for name in fitting if is_in_use(name)] or fitting
    if len(fitting) == 1:
        return runs[fitting[0]]
    if fitting:
        shown = "\n".join(f"  {name}" for name in fitting[:8])
        more = f"\n  and {len(fitting) - 8} more" if len(fitting) > 8 else ""
        raise Mistake(f"{text} could be {len(fitting)} runs; give more of the name:\n{shown}{more}")
    if path.is_dir():
        raise Mistake(f"{text} is not a run: it has no {LEDGER_FILE}")
    if not runs:
        raise Mistake(f"there is no run {text}: {runs_dir} holds no runs")
    near = nearest(wanted, runs) or _nearest_part(wanted, runs)
    near = near or [name for name in runs if wanted in name][:3]
    hint = f"; did you mean {' or '.join(near)}?" if near else f"; see {runs_dir}"
    raise Mistake(f"there is no run {text} in {runs_dir}{hint}")


def _runs_below(folder: Path) -> list[Path]:
    """The runs in any folder, however deep, by name."""
    return sorted(path.parent for path in folder.rglob(LEDGER_FILE))


def _by_name(runs_dir: Path) -> dict[str, Path]:
    return {run.relative_to(runs_dir).as_posix(): run for run in find_runs(runs_dir)}


def _fitting(wanted: str, runs: dict[str, Path]) -> list[str]:
    """The runs that a part of a name fits, each once: a link counts where nothing else leads."""
    fitting: dict[Path, str] = {}
    for name in (name for name in runs if _fits(wanted, name)):
        run = runs[name].resolve()
        if run not in fitting or runs[fitting[run]].is_symlink():
            fitting[run] = name
    return [name for name in runs if name in fitting.values()]


def _fits(wanted: str, name: str) -> bool:
    """Whether `wanted` is whole parts of the name, the last of which may be cut short."""
    parts, words = name.split("/"), wanted.split("/")
    for start in range(len(parts) - len(words) + 1):
        section = parts[start : start + len(words)]
        whole = all(part == word for part, word in zip(section[:-1], words[:-1], strict=True))
        last, word = section[-1], words[-1]
        # `-s0` and `s0` are ends; a digest is mostly given by its beginning.
        if whole and word and (last.startswith(word) or last.endswith(f"-{word.lstrip('-')}")):
            return True
        if whole and _is_short_for(word, last):
            return True
    return False


def _is_short_for(word: str, name: str) -> bool:
    """Whether `word` is the name with its digest cut short: `3f2a-s0` for `3f2a9c01d2e4-s0`."""
    digest, dash, rest = word.partition("-")
    return bool(dash and digest) and name.startswith(digest) and name.partition("-")[2] == rest


def _nearest_part(wanted: str, runs: dict[str, Path]) -> list[str]:
    by_part = {part: name for name in runs for part in name.split("/")}
    return list(dict.fromkeys(by_part[part] for part in nearest(wanted, by_part)))


def own_name(header: Mapping[str, Any]) -> str:
    """Where the command that makes a run looks for it, as `Identity.directory` has it, or ""."""
    try:
        name = f"{header['experiment']}/{header['config_digest']}-s{header['seed']}"
        many = header.get("population")
        return f"{name}+{many['seeds']}-w{many['width']}" if many else name
    except (KeyError, TypeError):
        return ""


def standing_of(run: Path, runs_dir: Path) -> Standing:
    """What a run's directory is; nothing but first lines of ledgers is read."""
    try:
        place = run.relative_to(runs_dir)
    except ValueError:
        # Named by a path of its own: its last parts are experiment and name.
        runs_dir, place = (
            run.parents[2] if len(run.parts) > 3 else run.parent,
            Path(*run.parts[-3:]),
        )
    real, above = run.resolve(), runs_dir.resolve()
    if real != above / place:
        inside = real.is_relative_to(above)
        return Standing(f"a link to {real.relative_to(above) if inside else real}", inside)
    name = own_name(read_header(run)[0])
    own = Path(name)
    if not name or own == place or is_aside(run.name):
        return Standing()
    first = _first_line(runs_dir / own)
    if first and first == _first_line(run):
        return Standing(f"a copy of {name}")
    return Standing(f"renamed: its own name is {name}")


def _first_line(run: Path) -> bytes:
    try:
        with (run / LEDGER_FILE).open("rb") as file:
            return file.readline()
    except OSError:
        return b""


def options_of_run(read: Scan) -> dict[str, str]:
    """Names of the options that made the run on a command line, and why they are none here."""
    chosen = {"seed", "seeds", "width", "exact", "smoke", "initialize-from", "restart"}
    fields: set[str] = set()
    for word in read.arguments:
        try:
            run = find_run(word, Path(read.values.get("runs_dir", RUNS_DIR)))
        except Mistake:
            continue
        fields = set(read_header(run)[0].get("config") or {})
        break
    config = {name.replace("_", "-") for name in fields}
    return dict.fromkeys(
        chosen, "it says which run it is; another one is started by `run`"
    ) | dict.fromkeys(config, "it is part of the run's config; another run is started by `run`")


RUN = Argument(
    "RUN", "a run's directory, or a part of its name that only one has", foreign=options_of_run
)
