"""Shows a run: a bar on a terminal, plain lines elsewhere, a table of figures at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self, TextIO

from research.engine.record import Observer
from research.engine.result import variants_of
from research.engine.selection import rank
from research.options.terminal import is_terminal, make_console, spell_bytes
from research.runs.spelling import spell_field, spell_figure, spell_name, spell_waiting

if TYPE_CHECKING:
    from research.engine.record import Figures


LINE_SECONDS = 10.0
"""Seconds between plain lines of progress."""
FIGURES_SECONDS = 2.0
"""Seconds between lines of figures on a terminal; those in between are in `metrics.jsonl`."""


class Display(Observer):
    """An observer that writes for people.

    `progress` gets the bar, or plain lines, `human` the result.
    """

    def __init__(
        self, progress: TextIO = sys.stderr, human: TextIO = sys.stdout, clock: Any = time.monotonic
    ) -> None:
        self._console = make_console(progress)
        self._human = human
        self._live = is_terminal(progress)
        self._clock = clock
        self._bar: Any = None
        self._task: Any = None
        self._items = "items"
        self._steps = 0
        self._step = 0
        self._begun: tuple[float, int] | None = None
        self._last_line = clock()
        self._last_figures = float("-inf")
        self._line = ""
        self._waiting = ""
        self._evaluated: Figures = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def started(self, info: Mapping[str, Any]) -> None:
        """Say what runs, where, and from which step."""
        self._items, self._steps = str(info["items"]), int(info["steps"])
        self._step = int(info["step"])
        self._begun = None
        self._last_line = self._clock()
        begin = f"from step {self._step:,}" if self._step else "from the start"
        members = int(info.get("members", 1))
        who = f"seed {info['seed']}" if members == 1 else f"{members} members"
        self._say(f"{info['experiment']}, {who}: {self._steps:,} steps, {begin}")
        self._say(f"run directory: {info['run_dir']}")
        if self._live and self._steps:
            self._start_bar()

    def waited(self, waited: Mapping[str, Any]) -> None:
        """Have the progress say what steps waited for."""
        self._waiting = spell_waiting(waited, remedy=False)

    def progress(self, step: int, steps: int, items_per_second: float, metrics: Figures) -> None:
        """Move the bar; without one, a line every ten seconds."""
        now = self._clock()
        if self._begun is None or step < self._step:
            # Not before the first steps are done: what compiling took says nothing of the rest.
            self._begun = (now, step)
        self._step = step
        rate = f"{_thousands(items_per_second)} {self._items}/s" if items_per_second else ""
        if self._bar is not None:
            loss = metrics.get("train/loss")
            spelled = f"loss {spell_figure(loss)}" if loss is not None else ""
            named = {"rate": rate, "loss": spelled, "waiting": self._waiting}
            self._bar.update(self._task, completed=step, **named)
            return
        if now - self._last_line < LINE_SECONDS:
            return
        self._last_line = now
        left = self._seconds_left(step, steps, now)
        parts = [
            f"step {step:,} of {steps:,} ({100 * step // max(steps, 1)} %)",
            rate,
            f"{_spell_seconds(left)} left" if left is not None else "",
            spell_figures({**self._evaluated, **metrics}),
            self._waiting,
        ]
        self._say(", ".join(part for part in parts if part))

    def evaluated(self, step: int, metrics: Figures) -> None:
        """A line of figures, unless the last one is too recent."""
        self._evaluated = metrics
        now = self._clock()
        often = FIGURES_SECONDS if self._live else LINE_SECONDS
        left = f"step {step:>{len(f'{self._steps:,}')},}  "
        columns = self._console.width - len(left) if self._live else 120
        line = left + spell_figures(metrics, columns)
        if line != self._line and (now - self._last_figures >= often or step >= self._steps):
            self._last_figures, self._line = now, line
            self._say(line)

    def note(self, text: str) -> None:
        """A sentence that stands out."""
        self._say(f"note: {text}", style="yellow")

    def finished(self, result: Mapping[str, Any]) -> None:
        """The figures of the run, for people."""
        self._stop()
        print_result(result, self._human)

    def _start_bar(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[loss]}", style="cyan"),
            TextColumn("{task.fields[waiting]}", style="yellow"),
            TimeRemainingColumn(compact=True),
            console=self._console,
            refresh_per_second=4,
            transient=True,
            expand=True,
        )
        self._task = self._bar.add_task(
            "", total=self._steps, completed=self._step, rate="compiling", loss="", waiting=""
        )
        self._bar.start()

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _say(self, text: str, style: str | None = None) -> None:
        # A running bar moves down below what its console prints.
        self._console.print(text, style=style)

    def _seconds_left(self, step: int, steps: int, now: float) -> float | None:
        if self._begun is None or step <= self._begun[1]:
            return None
        began, first = self._begun
        return (steps - step) * (now - began) / (step - first)


def print_result(result: Mapping[str, Any], file: TextIO) -> None:
    """The content of `result.json` as a person wants it."""
    console = make_console(file)
    metrics: Mapping[str, Any] = result.get("metrics") or {}
    left = max((len(name) for name in metrics), default=0)
    for values, figures, spreads in _variants(result):
        if figures:
            console.print(f"Figures{values}", style="bold")
        for name, value in figures.items():
            between = _spell_interval(spreads.get(name) or {})
            console.print(f"  {name:{left}}  {spell_figure(value):>10}{between}")
    state = "complete" if result.get("complete") else "not complete"
    console.print("Run", style="bold")
    trained = [
        ("seconds", f"{_number(result, 'seconds'):.1f}"),
        ("compiling", f"{_number(result, 'compile_seconds'):.1f} seconds"),
        ("speed", f"{_thousands(_number(result, 'items_per_second'))} items a second"),
    ]  # fmt: skip
    waiting = spell_waiting(result.get("waited"), remedy=True)
    rows = [
        ("step", f"{result.get('step', 0):,} ({state})"),
        *(trained if result.get("step") else ()),
        *((("waited", waiting),) if waiting else ()),
        ("memory", f"{spell_bytes(_number(result, 'peak_memory_bytes'))} at most"),
        ("digest", str(result.get("digest"))),
        ("directory", str(result.get("run_dir"))),
    ]  # fmt: skip
    for name, text in rows:
        console.print(f"  {name:9}  {text}", soft_wrap=True)


def _variants(
    result: Mapping[str, Any],
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Values in words, means and spreads: of each value of what a population varies, else once.

    An older `result.json` has the members alone, and one spread over all values, which is left out.
    """
    variants = variants_of(result.get("members") or ())
    if len(variants) < 2:
        yield "", result.get("metrics") or {}, result.get("spread") or {}
        return
    for variant in variants:
        chosen = ", ".join(spell_field(*field) for field in variant.hyperparameters.items())
        spreads = variant.spreads()
        yield f": {chosen}", {name: at["mean"] for name, at in spreads.items()}, spreads


def _spell_interval(spread: Mapping[str, Any]) -> str:
    """What stands behind the mean of a population: its 95 % interval, and of how many."""
    low, high, members = (spread.get(name) for name in ("low", "high", "members"))
    if not isinstance(low, float) or not isinstance(high, float):
        return ""
    return f"  ± {(high - low) / 2:<9.2g} 95 % interval of the mean, {members} members"


def _number(result: Mapping[str, Any], name: str) -> float:
    value = result.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def spell_figures(figures: Figures, columns: int = 120) -> str:
    """The figures that matter most, in one line of about `columns`: `test accuracy .9, loss .3`."""
    line, split = "", ""
    for name in sorted(figures, key=rank):
        before, _, short = name.rpartition("/")
        part = spell_name(short if before == split else name) + f" {spell_figure(figures[name])}"
        if line and len(line) + len(part) + 2 > columns:
            break
        line, split = f"{line}, {part}" if line else part, before
    return line


def _thousands(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _spell_seconds(seconds: float) -> str:
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
