"""One core or all: chosen by measure, the same bits, and the threads where they were before."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from research.engine import cores as cores_module
from research.engine.cores import PAIRS, Cores, Measure, computing_threads, judge
from research.engine.identity import read_identity
from research.engine.program import Program
from research.engine.record import Observer
from research.engine.verify import Judgement, verify
from tests.engine.toy import SURROUNDINGS, run_toy

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").exists() or len(os.sched_getaffinity(0)) < 2,
    reason="threads can be told where to run on Linux alone, and one core leaves no choice",
)


def allowed_in_status(thread: int) -> set[int]:
    """Cores that a thread may run on, as the kernel's own text has them."""
    lines = Path(f"/proc/self/task/{thread}/status").read_text().splitlines()
    (text,) = (line.split()[1] for line in lines if line.startswith("Cpus_allowed_list"))
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def affinities() -> dict[int, set[int]]:
    found = {}
    for path in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found[int(path.name)] = allowed_in_status(int(path.name))
    return found


class Recorded:
    """Where the threads are while a program makes steps."""

    def __init__(self, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        self.computing: list[set[int]] = []
        self.beside: list[set[int]] = []
        advance = program.advance

        def look(*arguments: Any, **options: Any) -> Any:
            ours, all_threads = computing_threads(), affinities()
            self.computing.append(set().union(*(all_threads[t] for t in ours)))
            self.beside.append(all_threads[os.getpid()])
            return advance(*arguments, **options)

        monkeypatch.setattr(program, "advance", look)


@pytest.mark.parametrize("all_slower, verdict", [(1.3, True), (1.06, True), (1.03, False),
                                                 (0.98, False), (0.5, False)])  # fmt: skip
def test_what_is_faster_is_chosen(all_slower: float, verdict: bool) -> None:
    pairs: list[tuple[float, float]] = []
    while judge(pairs) is None:
        pairs.append((all_slower, 1.0))
    assert judge(pairs) is verdict
    # What is slower costs time with each try.
    assert len(pairs) == (PAIRS if all_slower > 1 else 1 if all_slower < 0.9 else 2)


def test_one_odd_timing_decides_nothing_and_noise_is_no_gain() -> None:
    good = [(1.2, 1.0)] * (PAIRS - 1)
    assert judge([*good, (0.1, 1.0)]) is True and judge([*good, (50.0, 1.0)]) is True
    assert judge([(1.0, 1.0)] * (PAIRS - 1) + [(50.0, 1.0)]) is False
    assert judge([(1.2, 1.0)] * (PAIRS - 2) + [(0.9, 1.0)] * 2) is False
    assert judge([]) is None and judge([(0.95, 1.0)]) is None


def simulated(all_cores: float, one: float, left: int = 10**9, drift: float = 1.0) -> Measure:
    """A machine on which a step takes so many seconds, and `drift` times as long at each chunk."""
    measure, factor = Measure(), 1.0
    for _ in range(10_000):
        if measure.verdict is not None:
            break
        measure.add(10, 10 * factor * (one if measure.alone else all_cores), left)
        factor *= drift
    return measure


def test_a_measurement_ends_and_is_right_on_a_machine_that_slows_down() -> None:
    assert simulated(0.012, 0.010).verdict is True
    assert simulated(0.012, 0.010).gain == pytest.approx(1.2)
    assert simulated(0.010, 0.012).verdict is False
    assert simulated(0.010, 0.010, drift=1.02).verdict is False
    assert simulated(0.010, 0.010, drift=0.98).verdict is False
    assert simulated(0.012, 0.010, drift=1.02).verdict is True


def test_a_run_of_a_few_seconds_is_not_measured() -> None:
    short = simulated(0.012, 0.010, left=500)
    assert short.verdict is False and not short.pairs
    assert simulated(0.012, 0.010, left=1000).pairs


def quick(monkeypatch: pytest.MonkeyPatch, chosen: bool) -> None:
    """Measure runs of milliseconds too, and come to this verdict."""
    monkeypatch.setattr(cores_module, "WORTHWHILE_SECONDS", 0.0)
    monkeypatch.setattr(cores_module, "SAMPLE_SECONDS", 0.0)
    monkeypatch.setattr(cores_module, "judge", lambda p: chosen if len(p) == 2 else None)


class Notes(Observer):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)


def run_on(
    program: Program, directory: Path, wanted: int | None, observer: Observer | None = None
) -> str:
    return str(run_toy(directory, program, observer=observer, cores=wanted)["digest"])


def test_no_number_of_cores_changes_a_bit_and_threads_go_back(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = os.sched_getaffinity(0)
    expected = run_on(program, tmp_path / "all", len(everything))
    assert len(computing_threads()) == 8
    for wanted in range(1, len(everything)):
        before = affinities()
        with monkeypatch.context() as patched:
            seen = Recorded(program, patched)
            assert run_on(program, tmp_path / str(wanted), wanted) == expected
        assert seen.computing and all(len(place) == wanted for place in seen.computing)
        assert all(
            beside == everything - place
            for beside, place in zip(seen.beside, seen.computing, strict=True)
        )
        after = affinities()
        assert {t: after[t] for t in after if t in before} == {t: before[t] for t in after
                                                               if t in before}  # fmt: skip
        assert all(after[t] == everything for t in after if t not in before)
    seen = Recorded(program, monkeypatch)
    run_on(program, tmp_path / "control", len(everything))
    assert all(place == everything for place in (*seen.computing, *seen.beside))


def test_a_replay_runs_on_them_too(
    program: Program, finished: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for wanted in (1, len(os.sched_getaffinity(0))):
        with monkeypatch.context() as patched:
            seen = Recorded(program, patched)
            identity = read_identity(finished[0])
            verdict = verify(program, identity, finished[0], SURROUNDINGS, Observer(), cores=wanted)
        assert verdict.judgement is Judgement.VERIFIED
        assert seen.computing and {len(place) for place in seen.computing} == {wanted}


def hold_core(core: int, held: contextlib.ExitStack) -> None:
    """Take a core as a run does that has settled on it."""
    name = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    try:
        name.bind(f"\0encore-core-{core}")
    except OSError:
        pytest.skip("a run is at work on this machine")


@pytest.mark.parametrize("alone", [True, False])
def test_by_measure_a_run_goes_on_as_was_faster(
    alone: bool, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = os.sched_getaffinity(0)
    with contextlib.ExitStack() as held:
        for core in everything:
            hold_core(core, held)
    expected = run_on(program, tmp_path / "all", len(everything))
    quick(monkeypatch, alone)
    notes, seen = Notes(), Recorded(program, monkeypatch)
    assert run_on(program, tmp_path / "auto", None, notes) == expected
    sizes = [len(place) for place in seen.computing]
    many = len(everything)
    # A warm-up; all, one; one, all; then what was found.
    assert sizes[:5] == [many, many, 1, 1, many]
    assert len(sizes) > 6 and set(sizes[5:]) == {1 if alone else many}
    assert [text.partition(":")[0] for text in notes.texts] == ["one core is faster here"] * alone
    assert all(place == everything for place in affinities().values())


def test_two_runs_never_settle_on_one_core(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = sorted(os.sched_getaffinity(0))
    with contextlib.ExitStack() as held:
        for core in everything[1:]:
            hold_core(core, held)
        quick(monkeypatch, True)
        with monkeypatch.context() as patched:
            seen = Recorded(program, patched)
            run_on(program, tmp_path / "free", None)
        assert seen.computing[-1] == {everything[0]}
        hold_core(everything[0], held)
        with monkeypatch.context() as patched:
            seen = Recorded(program, patched)
            run_on(program, tmp_path / "none", None)
        assert {len(place) for place in seen.computing} == {len(everything)}
        with monkeypatch.context() as patched:  # what was asked for is done all the same
            seen = Recorded(program, patched)
            run_on(program, tmp_path / "told", 1)
        assert {len(place) for place in seen.computing} == {1}


def test_several_devices_and_systems_that_do_not_tell_have_all_cores(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    quick(monkeypatch, True)
    before, threads = affinities(), computing_threads()
    assert threads

    def untouched(cores: Cores) -> None:
        with cores:
            for _ in range(8):
                with cores.computing():
                    assert all(allowed_in_status(t) == before[t] for t in threads)
                cores.add(1, 1.0, 100)

    def refuse(text: str) -> None:
        pytest.fail(text)

    untouched(Cores(None, refuse, one_device=False))
    monkeypatch.setattr(cores_module, "_THREADS", tmp_path / "no such folder")
    untouched(Cores(None, refuse, one_device=True))
    untouched(Cores(1, refuse, one_device=True))


def test_the_limits_of_taskset_hold() -> None:
    everything = os.sched_getaffinity(0)
    one = {min(everything)}
    os.sched_setaffinity(0, one)
    try:
        with Cores(1, lambda text: None, one_device=True) as cores, cores.computing():
            assert os.sched_getaffinity(0) == one
    finally:
        os.sched_setaffinity(0, everything)
