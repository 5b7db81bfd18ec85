"""TensorBoard's events hold every line of the metrics once, whatever happened on the way."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from research.cli import tensorboard
from research.cli.main import main
from research.cli.tensorboard import Events, Together, by_curve, timed
from research.cli.tensorboard import Line as EventLine
from research.engine.environment import POOL_SIZE
from research.engine.record import Observer
from research.errors import Exit
from tests.cli.events import read_scalars
from tests.cli.test_run_commands import TINY

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tiny(project):
    project.add("alpha/tiny", TINY)
    (project.root / "research").symlink_to(ROOT / "research")
    return project


def call(capsys, *tokens):
    code = main([*tokens, "--json"])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def written(run: Path, **keywords):
    """(tag, step) -> value; no pair may come twice."""
    scalars = read_scalars(run / "events", **keywords)
    found = {(scalar.tag, scalar.step): scalar.value for scalar in scalars}
    assert len(found) == len(scalars), "a line stands there twice"
    return found


def expected(run: Path, result=None):
    """What `metrics.jsonl` and the result say, in single precision as events have it."""
    wanted = {}
    for text in (run / "metrics.jsonl").read_text().splitlines():
        line = json.loads(text)
        step = line.pop("step")
        wanted |= {(n, step): float(np.float32(v)) for n, v in line.items() if v is not None}
    names = {name for name, _ in wanted}
    for name, value in (result or {}).get("metrics", {}).items():
        if name not in names and name != "reported_step":
            wanted[name, result["step"]] = float(np.float32(value))
    return wanted


def test_every_line_is_there_once_after_stops_and_resumes(tiny, capsys):
    code, part = call(capsys, "run", "tiny", "--until", "7", "--report-every", "2", "--tensorboard")
    run = Path(part["run_dir"])
    assert code == Exit.STOPPED and written(run) == expected(run) != {}
    code, _ = call(
        capsys, "resume", "tiny", "--until", "20", "--report-every", "3", "--tensorboard"
    )
    assert code == Exit.STOPPED and written(run) == expected(run)
    code, whole = call(capsys, "run", "tiny", "--tensorboard")
    assert code == 0 and written(run) == expected(run, whole)
    assert ("test/norm", 40) in written(run)
    code, whole = call(capsys, "run", "tiny", "--tensorboard")
    assert code == 0 and written(run) == expected(run, whole)
    assert len(list((run / "events").iterdir())) == 1


def test_events_of_a_finished_run_and_of_one_resumed_without_them(tiny, capsys):
    call(capsys, "run", "tiny", "--until", "7", "--tensorboard")
    _, whole = call(capsys, "run", "tiny")
    run = Path(whole["run_dir"])
    assert written(run) != expected(run, whole)
    want = expected(run, whole)
    (run / "metrics.jsonl").write_text('{"step": 3, "train/loss": 9}\n')
    call(capsys, "run", "tiny", "--tensorboard")
    # What the file was changed to is not shown: what the ledger vouches for is.
    assert written(run) == want


def test_no_line_twice_after_falling_back_to_an_older_checkpoint(tiny, capsys):
    tokens = ("--report-every", "2", "--save-every", "5", "--keep", "9", "--tensorboard")
    _, part = call(capsys, "run", "tiny", "--until", "20", *tokens)
    run = Path(part["run_dir"])
    before = written(run)
    for step in ("15", "20"):
        manifest = next((run / "checkpoints" / step).rglob("*.json"))
        manifest.write_text("{")
    _, whole = call(capsys, "run", "tiny", *tokens)
    after = written(run)
    assert after == expected(run, whole) and before.items() <= after.items()


def test_wall_times_are_kept_over_a_resume(tiny, capsys):
    begun = time.time()
    _, part = call(capsys, "run", "tiny", "--until", "20", "--tensorboard")
    place = Path(part["run_dir"]) / "events"
    before = {(s.tag, s.step): s.time for s in read_scalars(place)}
    assert all(begun <= when <= time.time() for when in before.values())
    call(capsys, "run", "tiny", "--tensorboard")
    after = {(s.tag, s.step): s.time for s in read_scalars(place)}
    assert before.items() <= after.items()
    assert min(when for at, when in after.items() if at not in before) > max(before.values())


def test_times_that_nobody_knows_are_spread_over_the_run():
    lines = [EventLine(step, {}) for step in (10, 20, 40)]
    assert [line.time for line in timed(lines, {}, 100.0, 140.0)] == [110, 120, 140]
    assert [line.time for line in timed(lines, {20: 7.0}, 100.0, 140.0)] == [110, 7, 140]
    assert timed([EventLine(0, {})], {}, 1.0, 2.0)[0].time == 2


LAUNCHER = (
    "import sys; from pathlib import Path\n"
    "from research.engine.environment import settle_environment; settle_environment()\n"
    "from research.cli import main as m; m.ROOT = Path(sys.argv[1])\n"
    "sys.exit(m.main(sys.argv[2:]))"
)


def start(tiny, *tokens):
    command = [sys.executable, "-c", LAUNCHER, str(tiny.root), "run", "tiny", *tokens]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NPROC": str(POOL_SIZE)}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def lines_so_far():
    return sum(path.read_bytes().count(b"\n") for path in Path("runs").glob("*/*/*/metrics.jsonl"))


def test_killed_with_sigkill_no_line_is_lost_or_doubled(tiny, capsys):
    # Reports faster than saves, so that lines are on disk that the ledger does not have yet.
    tokens = ("--steps", "30000", "--report-every", "20", "--evaluate-every", "1000",
              "--save-every", "100", "--tensorboard")  # fmt: skip
    chance = random.Random(0)
    for kill in (1, 2):
        process = start(tiny, *tokens)
        deadline = time.monotonic() + 60
        while lines_so_far() < 20 * kill or not list(Path("runs").glob("*/*/*/events/*tfevents*")):
            assert time.monotonic() < deadline and process.poll() is None, process.communicate()
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.3))
        assert process.poll() is None
        process.kill()
        process.communicate()
        (run,) = Path("runs").glob("alpha/tiny/*")
        # Even now nothing is double; what was not handed to the disk yet may be missing.
        assert written(run, cut_short=True).items() <= expected(run).items()
    code, part = call(capsys, "run", "tiny", *tokens, "--until", "0")
    assert code == Exit.STOPPED and not part["complete"]
    assert written(run) == expected(run) and len(expected(run)) > 10


def test_killed_at_any_moment_of_being_made_anew_nothing_is_double(tiny, capsys, monkeypatch):
    _, whole = call(capsys, "run", "tiny", "--report-every", "5", "--tensorboard")
    run = Path(whole["run_dir"])
    want = expected(run, whole)

    class Killed(BaseException):
        pass

    moments = 0
    real = Path.unlink
    for owner, name in ((tensorboard, "write_figures"), (Path, "unlink")):
        with monkeypatch.context() as patch:

            def killing(first, *arguments, **keywords):
                nonlocal moments
                if not isinstance(first, Path) or "events" in first.parts:
                    moments += 1
                    raise Killed
                return real(first, *arguments, **keywords)

            patch.setattr(owner, name, killing)
            with pytest.raises(Killed):
                main(["run", "tiny", "--tensorboard"])
        assert written(run).items() <= want.items()
        call(capsys, "run", "tiny", "--tensorboard")
        assert written(run) == want
    assert moments == 2


def test_negative_control_a_sink_that_appends_doubles_lines(tiny, capsys, monkeypatch):
    call(capsys, "run", "tiny", "--until", "20", "--report-every", "2", "--tensorboard")
    monkeypatch.setattr(tensorboard, "event_files", lambda place: [])
    start = tensorboard.open_events

    def open_without_purging(directory):
        with monkeypatch.context() as patch:
            patch.setattr("tensorboardX.proto.event_pb2.SessionLog.START", 2)
            return start(directory)

    monkeypatch.setattr(tensorboard, "open_events", open_without_purging)
    _, whole = call(capsys, "run", "tiny", "--tensorboard")
    with pytest.raises(AssertionError, match="twice"):
        written(Path(whole["run_dir"]))


def test_a_missing_package_is_told_of_before_anything_is_made(tiny, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    code, said = call(capsys, "run", "tiny", "--tensorboard")
    assert code == Exit.MISTAKE and "pip install tensorboardX" in said["error"]
    assert not Path("runs").exists()
    assert call(capsys, "run", "tiny", "--smoke")[0] == 0


def make_population(run, values, seeds, first=3):
    """A population's directory after one report of each step."""
    from research.engine import ledger

    run.mkdir()
    (run / "config.json").write_text(
        json.dumps({"seed": first, "population": {"seeds": seeds, "width": 2}})
    )
    header = {"config": {}, "seed": first}
    digest = ledger.append(run / "ledger.jsonl", "header", header, ledger.FIRST)
    lines = {str(step): {"train/loss": row} for step, row in values.items()}
    ledger.append(
        run / "ledger.jsonl", "save", {"step": 99, "metrics": {}, "reports": lines}, digest
    )
    text = "".join(json.dumps({"step": s, "train/loss": row}) + "\n" for s, row in values.items())
    (run / "metrics.jsonl").write_text(text)


def test_a_population_has_a_mean_and_a_line_a_member(tmp_path):
    run = tmp_path / "p-s3+2-w2"
    make_population(run, {5: [1.0, 3.0], 10: [2.0, "nan"], 15: [None, None]}, 2)
    with Events() as events:
        events.started({"run_dir": str(run)})
        with (run / "metrics.jsonl").open("a") as file:
            file.write('{"step": 20, "train/loss": [5.0, 7.0]}\n{"step": 25, "train/lo')
        events.progress(20, 40, 1.0, {})
        # A line that was only half there is taken once it is whole.
        with (run / "metrics.jsonl").open("a") as file:
            file.write('ss": [8.0, 8.0]}\n')
        events.progress(25, 40, 1.0, {})
    found = {(s.curve, s.step): s.value for s in read_scalars(run / "events")}
    nan = found.pop(("seed-4", 10))
    assert np.isnan(nan)
    assert found == {
        ("mean", 5): 2, ("seed-3", 5): 1, ("seed-4", 5): 3,
        ("mean", 10): 2, ("seed-3", 10): 2,
        ("mean", 20): 6, ("seed-3", 20): 5, ("seed-4", 20): 7,
        ("mean", 25): 8, ("seed-3", 25): 8, ("seed-4", 25): 8,
    }  # fmt: skip


def test_a_finished_population_has_its_members_final_figures(tmp_path):
    run = tmp_path / "p-s3+2-w2"
    make_population(run, {5: [1.0, 3.0]}, 2)
    members = [{"seed": 3, "metrics": {"test/x": 0.25}}, {"seed": 4, "metrics": {"test/x": 0.75}}]
    result = {"run_dir": str(run), "step": 9, "members": members, "metrics": {"test/x": 0.5}}
    with Events() as events:
        events.finished(result)
    found = {(s.curve, s.tag, s.step): s.value for s in read_scalars(run / "events")}
    assert len(found) == 6
    assert [found[curve, "test/x", 9] for curve in ("seed-3", "seed-4", "mean")] == [
        0.25,
        0.75,
        0.5,
    ]


def test_many_members_are_an_interval_and_variants_their_means():
    many = by_curve({"train/loss": [float(n) for n in range(9)]}, 0, 9)
    assert many.keys() == {"mean", "low", "high"}
    from scipy import stats

    low, high = stats.t.interval(0.95, 8, 4.0, stats.sem(range(9)))
    assert many["low"]["train/loss"] == pytest.approx(low)
    assert many["high"]["train/loss"] == pytest.approx(high)
    varied = by_curve({"train/loss": [1.0, 3.0, 5.0, 7.0]}, 0, 2)
    assert varied == {"variant-0": {"train/loss": 2.0}, "variant-1": {"train/loss": 6.0}}
    assert by_curve({"train/loss": 1.5, "train/empty": None}, 0, 1) == {"": {"train/loss": 1.5}}


def test_times_are_read_up_to_where_a_file_was_cut(tmp_path):
    writer = tensorboard.open_events(tmp_path)
    for step in range(5):
        tensorboard.write_figures(writer, step, 100.0 + step, {"a": float(step), "b": -1.0})
    writer.close()
    (path,) = tensorboard.event_files(tmp_path)
    assert tensorboard.read_times(path) == {step: 100.0 + step for step in range(5)}
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        times = tensorboard.read_times(path)
        assert times == {step: 100.0 + step for step in range(len(times))}
    assert len(times) == 4


def test_an_observer_of_several_tells_all_of_everything():
    told = []

    class Listener(Observer):
        def __getattribute__(self, name):
            return lambda *arguments: told.append((name, arguments))

    both = Together(Listener(), Listener())
    calls = {
        "started": ({"a": 1},), "progress": (1, 2, 3.0, {}), "evaluated": (1, {}), "waited": ({},),
        "saved": (4,), "note": ("x",), "finished": ({},),
    }  # fmt: skip
    for name, arguments in calls.items():
        getattr(both, name)(*arguments)
    assert told == [call for pair in calls.items() for call in (pair, pair)]
    assert calls.keys() == {name for name in vars(Observer) if not name.startswith("_")}
