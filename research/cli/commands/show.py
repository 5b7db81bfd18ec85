"""`show`: what a run is, where it stands, and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from research.cli.display import print_result, spell_figures
from research.engine.directory import CHECKPOINTS, RESULT_FILE
from research.options.command import Command, Context, OnRuns, Outcome, parse
from research.options.convert import spell
from research.options.terminal import make_console
from research.runs.files import numbered, read_json, recent_lines
from research.runs.names import RUN, find_run, standing_of

if TYPE_CHECKING:
    from research.engine.identity import Identity


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Print the run's identity, its saves and its result."""
    (text,), options = parse(COMMAND, tokens)
    run = find_run(text, Path(options.runs_dir))
    from research.engine.directory import is_held
    from research.engine.identity import read_identity

    identity = read_identity(run)
    result = read_json(run / RESULT_FILE) or None
    steps = numbered(run / CHECKPOINTS)
    lines = recent_lines(run)
    reported = {"step": max(lines), **lines[max(lines)]} if lines else {}
    running = is_held(run)
    standing = standing_of(run, Path(options.runs_dir)).words
    if standing:
        make_console(context.human).print(f"{run}: {standing}", style="yellow")
    _print(identity, steps, reported, result, running, run, context.human)
    return Outcome(
        {
            "run_dir": str(run),
            **identity.fields,
            "config_digest": identity.config_digest,
            "standing": standing,
            "running": running,
            "checkpoints": steps,
            "last_reported": reported,
            "result": result,
        }
    )


def _print(
    identity: Identity,
    steps: Sequence[int],
    reported: Mapping[str, Any],
    result: Mapping[str, Any] | None,
    running: bool,
    run: Path,
    file: TextIO,
) -> None:
    console = make_console(file)
    console.print(f"{identity.experiment}, {_seeds(identity)}", style="bold")
    console.print("Config", style="bold")
    left = max((len(name) for name in identity.config), default=0)
    for name, value in identity.config.items():
        console.print(f"  {name.replace('_', '-'):{left}}  {spell(value)}")
    if identity.initial:
        console.print(f"  starts from parameters of digest {identity.initial[:12]}")
    console.print("Checkpoints", style="bold")
    console.print(f"  {', '.join(f'{step:,}' for step in steps) or 'none'}")
    if running:
        console.print("A process is at work in it now.", style="yellow")
    if result:
        print_result(result, file)
        return
    console.print("Not finished", style="bold")
    if reported:
        figures = {name: value for name, value in reported.items() if name != "step"}
        console.print(f"  step {reported['step']:,}: {spell_figures(figures)}")
    console.print(f"  python launch.py resume {run}   continues it", soft_wrap=True)


def _seeds(identity: Identity) -> str:
    many = identity.population
    if many is None:
        return f"seed {identity.seed}"
    seeds = f"seeds {identity.seed} to {identity.seed + many.seeds - 1}"
    return f"{seeds}, {len(identity.members)} members, width {many.width}"


COMMAND = Command(
    name="show",
    summary="a run's config, checkpoints and figures",
    text="""Shows what a run is (experiment, config, seed), which checkpoints it has, and its
    figures: the result of a finished run, or the last report of one that is not. Nothing is
    checked; `verify` does that.""",
    arguments=(RUN,),
    options=OnRuns,
    examples=(
        ("show digits_cnn", "the only run of that experiment"),
        ("show runs/vision/digits_cnn/3f2a9c01d2e4-s0 --json", "by its path, for a program"),
    ),
    exits=(),
    execute=execute,
)
