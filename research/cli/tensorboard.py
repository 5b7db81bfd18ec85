"""A run's metrics as TensorBoard events, below `events/` in its directory.

The events follow `metrics.jsonl`, which the engine keeps free of lost and doubled lines. At each
launch they are made anew from what the ledger vouches for, in files that begin by purging what
TensorBoard has of older ones; then each line that is added to `metrics.jsonl` is added to them. So
TensorBoard shows every line once, whatever happened to the process before.

`tensorboardX.SummaryWriter(purge_step=0)` begins its files in the same way. It writes them in a
thread, whose end on a full disk leaves the run waiting for ever: what it writes with is used here.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast

from research.engine.directory import CHECKPOINTS, CONFIG_FILE, LEDGER_FILE, METRICS_FILE
from research.engine.record import Observer
from research.engine.result import Spread, spread
from research.options.command import require
from research.runs.files import lines_after, numbered, read_json
from research.runs.summary import figures_of

if TYPE_CHECKING:
    from tensorboardX.event_file_writer import EventsWriter

    from research.engine.record import Figures

DIRECTORY = "events"
MOST_MEMBERS = 8
"""Members of a population that have a line each; of more, the interval of the mean is shown."""
_FLUSH_SECONDS = 2.0


class Line(NamedTuple):
    """The figures of a step.

    `figures` maps a name to a figure, or to a list with one a member; `time` is in seconds since
    1970, None where it is not known.
    """

    step: int
    figures: Mapping[str, Any]
    time: float | None = None


@contextmanager
def with_events(observer: Observer, *, wanted: bool) -> Iterator[Observer]:
    """The observer, joined by one that writes events where that is wanted.

    Raises:
        Mistake: events are wanted and cannot be written.
    """
    if not wanted:
        yield observer
        return
    instead = " (metrics.jsonl holds the same figures without it)"
    require("tensorboardX", "--tensorboard", instead)
    with Events() as events:
        yield cast("Observer", Together(observer, events))


class Together:
    """An observer that passes on to several, in order."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def __getattr__(self, name: str) -> Callable[..., None]:
        def pass_on(*arguments: Any) -> None:
            for observer in self._observers:
                getattr(observer, name)(*arguments)

        return pass_on


class Events(Observer):
    """An observer that writes TensorBoard events."""

    def __init__(self) -> None:
        self._run: Path | None = None
        self._writers: dict[str, EventsWriter] = {}
        self._read = 0
        self._names: set[str] = set()
        self._flushed = 0.0
        self._seeds = (0, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._follow()
        finally:
            self._close()

    def started(self, info: Mapping[str, Any]) -> None:
        """Make the events anew from the ledger, and go on after what `metrics.jsonl` has of it."""
        run = Path(info["run_dir"])
        # The engine has just made the file what the ledger vouches for.
        self._make_anew(run, vouched_lines(run), None)

    def progress(self, step: int, steps: int, items_per_second: float, metrics: Figures) -> None:
        """Add the lines that the file has got."""
        self._follow()

    def finished(self, result: Mapping[str, Any]) -> None:
        """Add the figures that only the end has; of a run found finished, make everything."""
        if self._run is None:
            self._make_anew(Path(result["run_dir"]), vouched_lines(Path(result["run_dir"])), result)
            return
        self._follow()
        self._add(final_line(result, self._names, time.time()))
        self._flush()

    def _follow(self) -> None:
        """Add the whole lines past what was read."""
        if self._run is None:
            return
        lines, self._read = lines_after(self._run, self._read)
        for step, figures in lines.items():
            self._add(Line(step, figures, time.time()))
        if time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self._flush()

    def _make_anew(
        self, run: Path, lines: Sequence[Line], result: Mapping[str, Any] | None
    ) -> None:
        """Replace all events of a run; what is there in between is too little, never double."""
        self._close()
        self._run, self._names, self._seeds = run, set(), seeds_of(run)
        path = run / METRICS_FILE
        self._read = path.stat().st_size if path.exists() else 0
        old = event_files(run / DIRECTORY)
        known = {at: when for file in old for at, when in read_times(file).items()}
        lines = timed(lines, known, *span(run))
        for line in lines:
            self._add(line)
        if result is not None:
            when = known.get(int(result["step"])) or (lines[-1].time if lines else None)
            self._add(final_line(result, self._names, when or span(run)[1]))
        self._flush()
        for file in old:
            file.unlink()

    def _add(self, line: Line) -> None:
        self._names |= line.figures.keys()
        for name, figures in by_curve(line.figures, *self._seeds).items():
            if name not in self._writers:
                assert self._run is not None
                self._writers[name] = open_events(self._run / DIRECTORY / name)
            write_figures(self._writers[name], line.step, line.time or time.time(), figures)

    def _flush(self) -> None:
        for writer in self._writers.values():
            writer.flush()
        self._flushed = time.monotonic()

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}


def open_events(directory: Path) -> EventsWriter:
    """An event file that is new; TensorBoard forgets what it has read of older ones beside it."""
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    directory.mkdir(parents=True, exist_ok=True)
    # The name begins with whole seconds, and another launch may follow within one.
    writer = EventsWriter(str(directory / "events"), f".{time.time_ns()}")
    start = SessionLog(status=SessionLog.START)
    writer.write_event(Event(wall_time=time.time(), session_log=start))
    return writer


def write_figures(
    writer: EventsWriter, step: int, when: float, figures: Mapping[str, float]
) -> None:
    """Add the figures of a step, as one event."""
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.summary_pb2 import Summary

    values = [Summary.Value(tag=name, simple_value=value) for name, value in figures.items()]
    writer.write_event(Event(wall_time=when, step=step, summary=Summary(value=values)))


def event_files(place: Path) -> list[Path]:
    """The event files below a folder."""
    return sorted(path for path in place.rglob("*tfevents*") if path.is_file())


def read_times(path: Path) -> dict[int, float]:
    """Step -> wall time of each event with figures in a file; a last one cut short is left out.

    The frame of a record is its length (8 bytes), a checksum, the record and its checksum.
    """
    from google.protobuf.message import DecodeError
    from tensorboardX.proto.event_pb2 import Event

    data, position = path.read_bytes(), 0
    times: dict[int, float] = {}
    while position + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, position)
        end = position + 12 + length
        if end + 4 > len(data):
            break
        try:
            event = Event.FromString(data[position + 12 : end])
        except DecodeError:
            break
        if event.HasField("summary"):
            times[int(event.step)] = float(event.wall_time)
        position = end + 4
    return times


def vouched_lines(run: Path) -> list[Line]:
    """The lines of `metrics.jsonl` that the run's ledger vouches for."""
    from research.engine import ledger

    reports = ledger.read(run / LEDGER_FILE).reports()
    return [Line(step, figures) for step, figures in reports.items()]


def final_line(result: Mapping[str, Any], known: set[str], when: float) -> Line:
    """The figures of a result that no report has, at the step that the result is of.

    Names in `known` have their last figure in a report already.
    """
    members = result.get("members")
    metrics = dict(result.get("metrics") or {})
    if members:
        names = dict.fromkeys(name for member in members for name in member["metrics"])
        metrics = {n: [member["metrics"].get(n) for member in members] for n in names}
    metrics.pop("reported_step", None)
    new = {name: value for name, value in metrics.items() if name not in known}
    return Line(int(result["step"]), new, when)


def by_curve(figures: Mapping[str, Any], first: int, seeds: int) -> dict[str, dict[str, float]]:
    """Curve -> figures. A solo run is the curve "" (the folder `events/` itself).

    A population is `mean` with a curve for each member, `seed-3`; of more than `MOST_MEMBERS`, with
    `low` and `high`, the 95 % interval of the mean. One that varies hyper-parameters has the mean
    over seeds of each variant, `variant-0` and so on, for a mean over all would be that of nothing.

    `figures` maps a name to a figure, or to a list with one a member.
    """
    lists = {name: value for name, value in figures.items() if isinstance(value, list)}
    curves = {"": figures_of({name: v for name, v in figures.items() if name not in lists})}
    for name, values in lists.items():
        numbers = [figures_of({name: value}).get(name) for value in values]
        for curve, number in _curves(numbers, first, seeds).items():
            if number is not None:
                curves.setdefault(curve, {})[name] = number
    return {curve: found for curve, found in curves.items() if found}


def _curves(numbers: Sequence[float | None], first: int, seeds: int) -> dict[str, float | None]:
    if len(numbers) != seeds:
        rows = [numbers[at : at + seeds] for at in range(0, len(numbers), seeds)]
        return {f"variant-{at}": _spread(row).mean for at, row in enumerate(rows) if _any(row)}
    if not _any(numbers):
        return {}
    found = _spread(numbers)
    if seeds > MOST_MEMBERS:
        return {"mean": found.mean, "low": found.low, "high": found.high}
    return {"mean": found.mean} | {f"seed-{first + at}": n for at, n in enumerate(numbers)}


def _any(numbers: Sequence[float | None]) -> bool:
    return any(number is not None for number in numbers)


def _spread(numbers: Sequence[float | None]) -> Spread:
    return spread([number for number in numbers if number is not None])


def seeds_of(run: Path) -> tuple[int, int]:
    """The first seed of a run and how many it has; members beyond them are variants."""
    config = read_json(run / CONFIG_FILE)
    seeds = int((config.get("population") or {}).get("seeds") or 1)
    return int(config.get("seed") or 0), seeds


def timed(
    lines: Sequence[Line], known: Mapping[int, float], begun: float, ended: float
) -> list[Line]:
    """Lines with times: that of the event that was there before, else spread evenly by step.

    The ledger holds no times, so that a run that had no events before has only its beginning and
    its end.

    `known` maps a step to its time; the others lie between `begun` and `ended`.
    """
    last = lines[-1].step if lines else 0
    found: list[Line] = []
    for line in lines:
        even = begun + (ended - begun) * line.step / last if last else ended
        found.append(line._replace(time=known.get(line.step, even)))
    return found


def span(run: Path) -> tuple[float, float]:
    """When a run began and when it was last saved, by the times of its files."""
    begun = _changed(run / CONFIG_FILE)
    saves = [run / CHECKPOINTS / str(step) for step in numbered(run / CHECKPOINTS)]
    ended = max(map(_changed, saves), default=0.0) or _changed(run / LEDGER_FILE)
    return min(begun, ended), ended


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
