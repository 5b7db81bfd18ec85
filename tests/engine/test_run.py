"""A run that is stopped, continued, or finished: always the same bits and the same records."""

from __future__ import annotations

import json
import signal
import threading

import pytest

from research.engine import checkpoint, ledger
from research.engine.checkpoint import Retention
from research.engine.identity import Identity
from research.engine.loop import Cadence
from research.engine.program import Program
from research.engine.run import Slicing, StoppedRun, launch
from research.errors import Exit
from tests.engine.toy import SURROUNDINGS, ToyFeed, make_toy, run_toy
from tests.engine.watch import Notes, Signaller, records, same_outcome, saved_steps


class NoTraining(Program):
    """A program that must not be asked to compute."""

    def __init__(self, program: Program) -> None:
        self.__dict__ = dict(program.__dict__)

    def _call(self, name, jitted, *arguments):
        raise AssertionError(f"{name} was computed")


def test_a_run_leaves_what_it_promises(finished):
    directory, result = finished
    assert result == json.loads((directory / "result.json").read_text())
    assert set(result) == {
        "experiment", "run_dir", "config_digest", "seed", "step", "complete", "digest", "metrics",
        "seconds", "compile_seconds", "items_per_second", "peak_memory_bytes",
    }  # fmt: skip
    assert result["complete"] and result["step"] == 60 and result["run_dir"] == str(directory)
    assert {"train/loss", "validation/loss", "test/loss"} <= set(result["metrics"])
    assert result["metrics"]["train/never"] is None
    assert checkpoint.stored_steps(directory / "checkpoints") == [20, 40, 60]
    opened = ledger.read(directory / "ledger.jsonl")
    assert [line.kind for line in opened.lines] == [
        "header", "leaves", "save", "figures", *["save"] * 3, "result"
    ]  # fmt: skip
    assert list(opened.saves()) == [0, 20, 40, 60]
    assert opened.saves()[60]["digest"] == result["digest"]
    lines = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 30, 40, 50, 60]
    assert [("validation/loss" in line) for line in lines] == [False, True] * 3
    assert opened.reports() == {line.pop("step"): line for line in lines}


def test_another_seed_gives_other_bits(program, finished, tmp_path):
    assert run_toy(tmp_path, program, seed=1)["digest"] != finished[1]["digest"]


def test_a_finished_run_is_reported_and_not_made_again(program, finished, copied):
    before = records(copied)
    observer = Notes()
    again = run_toy(copied, NoTraining(program), observer=observer)
    assert same_outcome(again, finished[1])
    assert again == {**finished[1], "run_dir": str(copied)}
    assert records(copied) == before and "already finished" in observer
    assert same_outcome(run_toy(copied, NoTraining(program), until=10), finished[1])


def test_a_run_that_is_not_finished_does_train(program, tmp_path):
    with pytest.raises(AssertionError, match="was computed"):
        run_toy(tmp_path, NoTraining(program))


def test_stopped_on_the_schedule_and_resumed_it_leaves_the_same_records(
    program, finished, tmp_path
):
    for until in (20, 40):
        with pytest.raises(StoppedRun) as stopped:
            run_toy(tmp_path, program, until=until)
        assert stopped.value.exit_code == Exit.STOPPED == 75
        assert stopped.value.result["step"] == until and not stopped.value.result["complete"]
        assert f"at step {until} of 60" in str(stopped.value)
    assert same_outcome(run_toy(tmp_path, program), finished[1])
    assert records(tmp_path) == records(finished[0])


@pytest.mark.parametrize("stops", [(0,), (7, 33), (1, 2, 59)])
def test_stopped_anywhere_and_resumed_it_leaves_the_same_metrics(
    program, finished, tmp_path, stops
):
    for until in stops:
        with pytest.raises(StoppedRun):
            run_toy(tmp_path, program, until=until)
    assert same_outcome(run_toy(tmp_path, program), finished[1])
    assert records(tmp_path)[1] == records(finished[0])[1]
    assert saved_steps(tmp_path) == sorted({0, 20, 40, 60, *stops})
    assert not ledger.read(tmp_path / "ledger.jsonl").broken


def test_until_a_step_that_is_past_stops_at_once_and_loses_nothing(program, finished, tmp_path):
    with pytest.raises(StoppedRun):
        run_toy(tmp_path, program, until=40)
    for until in (10, 0):
        with pytest.raises(StoppedRun) as stopped:
            run_toy(tmp_path, NoTraining(program), until=until)
        assert stopped.value.result["step"] == 40
    assert saved_steps(tmp_path) == [0, 20, 40]
    assert same_outcome(run_toy(tmp_path, program, until=10**9), finished[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_stops_and_the_same_call_goes_on(program, finished, tmp_path, number):
    slow = Cadence(10, 20, 20, chunk_seconds=1e-9)
    handler = signal.getsignal(number)
    observer = Signaller(33, number)
    with pytest.raises(StoppedRun) as stopped:
        run_toy(tmp_path, program, cadence=slow, observer=observer)
    assert stopped.value.result["step"] == 33 and observer.saves[-1] == 33
    assert signal.Signals(number).name in str(stopped.value)
    assert signal.getsignal(number) == handler
    assert same_outcome(run_toy(tmp_path, program), finished[1])
    assert records(tmp_path)[1] == records(finished[0])[1]


def test_a_signal_between_the_last_step_and_the_result_does_not_undo_the_end(
    program, finished, tmp_path
):
    result = run_toy(tmp_path, program, observer=Signaller(60))
    assert same_outcome(result, finished[1])
    assert records(tmp_path) == records(finished[0])


def test_a_crash_between_the_last_save_and_the_result_is_made_good(program, finished, copied):
    path = copied / "ledger.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    (copied / "result.json").unlink()
    assert same_outcome(run_toy(copied, program), finished[1])
    assert records(copied) == records(finished[0])


class Breaking(Notes):
    def __init__(self, step):
        super().__init__()
        self._at = step

    def progress(self, step, steps, items_per_second, metrics):
        if step >= self._at:
            raise KeyboardInterrupt


def test_an_exception_in_the_loop_comes_through_and_the_save_under_way_is_whole(
    program, finished, tmp_path
):
    slow = Cadence(10, 20, 20, chunk_seconds=1e-9)
    with pytest.raises(KeyboardInterrupt):
        run_toy(tmp_path, program, cadence=slow, observer=Breaking(40))
    assert saved_steps(tmp_path) == [0, 20, 40]
    assert checkpoint.stored_steps(tmp_path / "checkpoints") == [0, 20, 40]
    assert same_outcome(run_toy(tmp_path, program), finished[1])
    assert records(tmp_path) == records(finished[0])


@pytest.mark.parametrize("failing", [0, 20, 60])
def test_a_save_that_fails_is_told_even_where_it_is_the_last(
    program, finished, tmp_path, monkeypatch, failing
):
    real = checkpoint.write

    def write(directory, step, *arguments):
        if step == failing:
            raise OSError(5, "Input/output error")
        return real(directory, step, *arguments)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="Input/output error"):
        patch.setattr(checkpoint, "write", write)
        run_toy(tmp_path, program)
    assert not (tmp_path / "result.json").exists()
    assert failing not in saved_steps(tmp_path)
    assert same_outcome(run_toy(tmp_path, program), finished[1])
    assert records(tmp_path) == records(finished[0])


def test_outside_the_main_thread_a_run_runs_without_handlers(program, finished, tmp_path):
    results = []
    thread = threading.Thread(target=lambda: results.append(run_toy(tmp_path, program)))
    thread.start()
    thread.join()
    assert same_outcome(results[0], finished[1])


def test_saves_besides_the_schedule_change_nothing(program, finished, tmp_path):
    hasty = Cadence(10, 20, 20, save_seconds=1e-9)
    result = run_toy(tmp_path, program, cadence=hasty, retention=Retention(2, every=20))
    assert same_outcome(result, finished[1])
    assert records(tmp_path)[1] == records(finished[0])[1]
    assert len(saved_steps(tmp_path)) > 4
    stored = checkpoint.stored_steps(tmp_path / "checkpoints")
    assert {0, 20, 40, 60} <= set(stored) and len(stored) <= 5


def test_a_run_of_other_steps_is_another_compiled_program_with_the_same_first_steps(
    finished, tmp_path
):
    other = Program(make_toy(steps=40), ToyFeed())
    result = launch(
        other,
        Identity("test/toy", {"size": 8, "steps": 40}, 0),
        tmp_path,
        SURROUNDINGS,
        Slicing(Cadence(10, 20, 20)),
        Notes(),
    )
    opened = ledger.read(finished[0] / "ledger.jsonl")
    assert result["digest"] == opened.saves()[40]["digest"]
