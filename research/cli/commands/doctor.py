"""`doctor`: what there is on this machine, and what in it could change the bits."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from research.cli.failures import explain
from research.engine.environment import POOL_SIZE, PORTABLE_FLAGS, SETTINGS, quiet_libraries
from research.engine.fingerprint import fingerprint, usable_cores, version
from research.errors import EncoreError, Exit
from research.options.command import Command, Context, OnRuns, Outcome, parse
from research.options.terminal import make_console, spell_bytes

_PACKAGES = (
    "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "tensorflow-datasets", "array-record",
    "gymnax", "numpy", "rich",
)  # fmt: skip
_DETERMINISTIC = ("--xla_gpu_deterministic_ops=true", "--xla_gpu_exclude_nondeterministic_ops=true")


@dataclass(frozen=True)
class Options(OnRuns):
    """Options of `doctor`."""

    clear_cache: Annotated[bool, "first remove the compiled programs that are kept"] = False


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Print what this environment is."""
    _, options = parse(COMMAND, tokens)
    quiet_libraries()
    problems: list[str] = []
    prints = _what_there_is(fingerprint, problems)
    sections = {
        "Versions": versions(),
        "Machine": _machine(prints),
        "Data": _what_there_is(_data, problems),
        "Compiled programs": _what_there_is(
            lambda: _programs(cleared=options.clear_cache), problems
        ),
        "Disk": _what_there_is(lambda: _disk(Path(options.runs_dir)), problems),
    }
    findings = [*([context.note] if context.note else []), *(concerns(prints) if prints else ())]
    findings += lock_differences(context.root / "requirements.lock")
    console = make_console(context.human)
    for title, rows in sections.items():
        console.print(title, style="bold")
        for name, text in rows.items():
            console.print(f"  {name:20}  {text}", soft_wrap=True)
        console.print()
    for problem in problems:
        console.print("What is wrong here", style="bold")
        console.print(f"  {problem}", style="red", soft_wrap=True)
        console.print()
    console.print("What could change the bits here", style="bold")
    for finding in findings:
        console.print(f"  {finding}", style="yellow", soft_wrap=True)
    if not findings:
        console.print("  nothing that is not as Encore expects it", style="green")
    report = {"sections": sections, "fingerprint": prints, "findings": findings}
    return Outcome({**report, "problems": problems}, Exit.MISTAKE if problems else Exit.DONE)


def _what_there_is(look: Callable[[], dict[str, str]], problems: list[str]) -> dict[str, str]:
    """What was found; nothing where it could not be looked for, which is a problem more."""
    try:
        return look()
    except Exception as error:
        explained = (str(error),) if isinstance(error, EncoreError) else explain(error)
        if explained is None:
            raise
        problems.append(explained[0])
        return {}


def versions() -> dict[str, str]:
    """Python's and the packages' versions."""
    return {"Python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def _machine(prints: Mapping[str, str]) -> dict[str, str]:
    common = {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": f"{usable_cores()} usable of {os.cpu_count()}",
        "NPROC": os.environ.get("NPROC", "not set"),
        "XLA_FLAGS": os.environ.get("XLA_FLAGS") or "not set",
    }
    if not prints:
        return common
    import jax

    devices = ", ".join(f"{device.platform}:{device.id}" for device in jax.devices()[:8])
    cpu = f"{prints.get('cpu', 'not in use')}; {prints.get('instruction_set', '')}"
    return common | {
        "CPU": cpu.rstrip("; "),
        "devices": f"{prints['device_count']} ({prints['device_kind']}): {devices}",
        "CPU pool": f"{prints['pool_size']} threads",
    }


def _data() -> dict[str, str]:
    from research.data.prepared import listing
    from research.data.storage import tfds_directory
    from research.places import cache_directory

    place = tfds_directory()
    origin = "TFDS_DATA_DIR" if os.environ.get("TFDS_DATA_DIR") else "TFDS_DATA_DIR not set"
    held = [str(path) for path in listing(place)] if place.is_dir() else []
    missing = "nothing prepared" if place.is_dir() else "no such folder"
    return {
        "tfds": f"{place} ({origin})",
        "prepared": ", ".join(held) or missing,
        "cache": str(cache_directory()),
    }


def _disk(runs_dir: Path) -> dict[str, str]:
    place = runs_dir.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    writable = "" if os.access(place, os.W_OK) else ", not writable"
    return {"runs": f"{runs_dir}: {spell_bytes(free)} free{writable}"}


def _programs(*, cleared: bool) -> dict[str, str]:
    """The cache of compiled programs; emptied before, where that is asked for."""
    import jax

    from research.engine import compilation_cache

    try:
        place = compilation_cache.place()
        before = compilation_cache.clear(place) if cleared else None
        held = compilation_cache.usage(place)
    except (OSError, RuntimeError) as error:
        return {"place": f"none: {error}"}
    on = jax.config.jax_enable_compilation_cache  # type: ignore[attr-defined]
    most = compilation_cache.MOST_BYTES
    rows = {
        "place": f"{place}{'' if on else ' (off: JAX_ENABLE_COMPILATION_CACHE)'}",
        "entries": f"{held.entries}, {spell_bytes(held.size)} of at most {spell_bytes(most)}",
    }
    if before is not None:
        rows["cleared"] = f"{before.entries}, {spell_bytes(before.size)}"
    return rows


def concerns(prints: Mapping[str, str]) -> Iterator[str]:
    """What in a fingerprint is not as Encore expects it, a sentence each."""
    if prints["pool_size"] not in (str(POOL_SIZE), "not used"):
        yield f"the CPU pool has {prints['pool_size']} threads; Encore's constant is {POOL_SIZE}"
    ours = {f"{name}={value}" for name, value in PORTABLE_FLAGS.items()}
    if others := [flag for flag in prints["xla_flags"].split() if flag not in ours]:
        yield f"XLA_FLAGS is set: {' '.join(others)}"
    for name, (expected, meaning) in SETTINGS.items():
        if prints.get(name) != expected:
            yield f"{meaning}: {name} is {prints.get(name)}, Encore expects {expected}"
    if prints["platform"] in ("gpu", "cuda", "rocm") and not any(
        flag in prints["xla_flags"] for flag in _DETERMINISTIC
    ):
        yield (
            "on a GPU, kernels may be chosen by their timing and add up in any order; "
            f"XLA_FLAGS={_DETERMINISTIC[0]} makes runs repeat"
        )


def lock_differences(lock: Path) -> list[str]:
    """Installed packages whose version is not the lock's, a sentence each."""
    if not lock.is_file():
        return []
    pins: dict[str, set[str]] = {}
    for name, pin in re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", lock.read_text(), re.MULTILINE):
        pins.setdefault(name, set()).add(pin)
    found = {name: version(name) for name in pins}
    return [
        f"{name} {found[name]} is installed, {lock.name} has {' or '.join(sorted(pins[name]))}"
        for name in pins
        if found[name] != "not installed" and found[name] not in pins[name]
    ]


COMMAND = Command(
    name="doctor",
    summary="versions, devices, data, and what here could change the bits",
    text="""Shows the environment of a run on this machine: versions, devices, the CPU pool, the
    data sets that are prepared, room on the disk, and every setting that could change the bits of a
    result. Put its output into a bug report.""",
    arguments=(),
    options=Options,
    examples=(
        ("doctor", "for people"),
        ("doctor --json", "for a program"),
        ("doctor --clear-cache", "remove the compiled programs that are kept"),
    ),
    exits=(),
    execute=execute,
)
