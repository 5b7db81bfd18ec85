"""What a run shows of itself at evaluations: the same after a kill, and never at its cost."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.engine import artifacts, keys, record
from research.engine.artifacts import Confusion, Images, Lines, as_images
from research.engine.directory import Directories
from research.engine.experiment import Glimpse
from research.engine.identity import Identity, Many
from research.engine.leaves import Reader
from research.engine.loop import Cadence, Session
from research.engine.population import Population, Seeded
from research.engine.program import Program
from research.engine.record import KEPT, Observer, kept_of
from research.engine.run import Slicing, StoppedRun, launch
from research.errors import Mistake
from research.runs.reading import read_run
from research.runs.run import Frames
from tests.engine import runner
from tests.engine.toy import SURROUNDINGS, ToyFeed, make_toy, run_toy
from tests.engine.watch import Notes

OFTEN = Cadence(10, 4, 5)


def paint(state, key):
    """Four pictures of 8 x 8 that tell the weights, the key and nothing else."""
    noise = jax.random.uniform(key, (4, 8, 8))
    return jax.nn.sigmoid(state.params["w"]) + 0.25 * noise


def say(made):
    return " ".join(f"{value:.9g}" for value in made)


PICTURES = Glimpse(paint)
TEXT = Glimpse(lambda state, key: state.params["b"] + jax.random.uniform(key), say)
TABLE = Glimpse(
    lambda state, key: jnp.abs(1000 * state.params["w"][:2, :2]).astype(jnp.int32),
    lambda counts: Confusion("Table", counts, ("a", "b")),
)
KINDS = {"pictures": PICTURES, "text": TEXT, "table": TABLE}


def make_program(glimpse, **toy):
    return Program(make_toy(**toy)._replace(glimpse=glimpse), ToyFeed())


@pytest.fixture(scope="module")
def programs():
    return {name: make_program(glimpse) for name, glimpse in KINDS.items()}


def files(directory):
    return {path.name: path.read_bytes() for path in (directory / record.GLIMPSES).iterdir()}


@pytest.fixture(scope="module")
def whole(programs, tmp_path_factory):
    """The files of an undisturbed run of each kind."""
    found = {}
    for name, program in programs.items():
        directory = tmp_path_factory.mktemp(name)
        found[name] = (run_toy(directory, program, cadence=OFTEN)["digest"], files(directory))
    return found


def test_a_text_is_kept_at_each_evaluation_and_shown(programs, tmp_path):
    run_toy(tmp_path, programs["text"])
    shown, problems = record.read_glimpses(tmp_path)
    assert list(shown) == [20, 40, 60] and len(set(shown.values())) == 3 and not problems
    (passages,) = read_run(tmp_path).artifacts.values()
    assert passages.texts == tuple(shown.values())
    assert passages.captions == ("step 20", "step 40", "step 60")


def test_a_picture_is_that_of_the_state_and_key_of_its_step(programs, tmp_path):
    program = programs["pictures"]
    observer = Notes()
    run_toy(tmp_path, program, observer=observer)
    shown, _ = record.read_glimpses(tmp_path)
    assert list(shown) == [20, 40, 60]
    carry = program.initial(0)
    for step, images in shown.items():
        carry = program.advance(carry, None, step - 20, step, fresh=False, halt=True)
        key = keys.at_step(keys.stream(np.uint32(0), "sample"), step)
        painted = np.asarray(paint(carry.state, key), np.float64)
        expected = np.rint(255 * np.clip(painted, 0, 1))
        assert images.images.dtype == np.uint8
        assert np.abs(images.images - expected).max() <= 1  # where a half is rounded
    (frames,) = read_run(tmp_path).artifacts.values()
    assert isinstance(frames, Frames) and frames.steps == (20, 40, 60)
    assert program.compilations["glimpse"] == 1
    assert [note for note in observer.notes if str(tmp_path / record.GLIMPSES) in note] == [
        observer.notes[0]
    ]


@pytest.mark.parametrize("name", KINDS)
def test_a_run_that_is_stopped_and_saved_elsewhere_keeps_the_same_files(
    name, programs, whole, tmp_path
):
    for until in (13, 29, 47, None):
        try:
            cadence = Cadence(7, 4, 11, chunk_seconds=1e-9)
            cut = run_toy(tmp_path, programs[name], cadence=cadence, until=until)
        except StoppedRun:
            continue
    digest, expected = whole[name]
    assert cut["digest"] == digest
    assert files(tmp_path) == expected and len(expected) == 15
    # Another seed would be seen.
    run_toy(tmp_path / "other", programs[name], cadence=OFTEN, seed=1)
    assert files(tmp_path / "other").keys() == expected.keys()
    assert files(tmp_path / "other") != expected


class Killed(BaseException):
    pass


@pytest.mark.parametrize("moment", ["spell_glimpse", "write_file", "_glimpse_files"])
@pytest.mark.parametrize("times", [1, 9])
def test_killed_at_any_moment_of_keeping_it_makes_the_same_files(
    moment, times, programs, whole, tmp_path, monkeypatch
):
    original, count = getattr(record, moment), iter(range(10**6))

    def killing(*arguments, **keywords):
        if moment == "write_file" and record.GLIMPSES not in arguments[0].parts:
            return original(*arguments, **keywords)
        if next(count) == times:
            if moment == "write_file":  # in the middle of it
                arguments[0].with_name(f".{arguments[0].name}.1.part").write_bytes(b"ha")
            dead.append(True)
        if dead:
            raise Killed
        return original(*arguments, **keywords)

    dead = []
    monkeypatch.setattr(record, moment, killing)
    # The saver's thread dies there, and with it whatever would have followed.
    monkeypatch.setattr("research.engine.saver.Saver._save", dying_save(dead))
    with pytest.raises(Killed):
        run_toy(tmp_path, programs["pictures"], cadence=OFTEN)
    monkeypatch.undo()
    run_toy(tmp_path, programs["pictures"], cadence=OFTEN)
    assert files(tmp_path) == whole["pictures"][1]


def dying_save(dead):
    from research.engine.saver import Saver

    original = Saver._save

    def save(self, *arguments):
        if dead:
            raise Killed
        return original(self, *arguments)

    return save


@pytest.mark.slow
def test_killed_by_the_system_it_makes_the_same_files(tmp_path):
    chance = random.Random(0)
    killed = 0
    command = [sys.executable, runner.__file__, "glimpses"]
    for number in range(3):
        process = subprocess.Popen([*command, str(tmp_path / "cut")], stdout=subprocess.PIPE)
        assert process.stdout is not None and process.stdout.readline() == b'"started"\n'
        if number < 2:
            time.sleep(chance.uniform(0.1, 0.5))
            killed += process.poll() is None
            process.kill()
        process.communicate()
    subprocess.run([*command, str(tmp_path / "whole")], check=True, stdout=subprocess.DEVNULL)
    assert killed
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


def run_members(directory, members, width, glimpse=PICTURES, until=None):
    experiment = make_toy()._replace(glimpse=glimpse)
    seeded = [Seeded(offset, experiment.hyperparameters) for offset in range(members)]
    population = Population(experiment, ToyFeed(), seeded, width)
    identity = Identity("test/toy", {"size": 8}, 0, population=Many(members, width))
    launch(population, identity, directory, SURROUNDINGS, Slicing(OFTEN, until=until), Observer())


@pytest.mark.parametrize("glimpse", KINDS)
def test_of_a_population_it_is_the_first_member(glimpse, whole, tmp_path):
    with pytest.raises(StoppedRun):
        run_members(tmp_path, 3, 1, KINDS[glimpse], until=30)
    run_members(tmp_path, 3, 1, KINDS[glimpse])
    assert files(tmp_path) == whole[glimpse][1]


def test_of_a_population_in_blocks_it_is_the_first_member(whole, tmp_path):
    run_members(tmp_path, 3, 2)
    assert files(tmp_path).keys() == whole["pictures"][1].keys()
    for step, shown in record.read_glimpses(tmp_path)[0].items():
        alone = artifacts.parse(whole["pictures"][1][f"{step}.npz"])[1]
        # Its bits are its width's: the same but for a rounding of a pixel.
        assert np.abs(shown.images.astype(int) - alone.images).max() <= 1


@given(st.integers(1, 5000), st.data())
def test_what_stays_is_bounded_even_and_independent_of_the_order_of_arrival(steps, data):
    every = data.draw(st.integers(1, steps))
    made = sorted({*range(every, steps + 1, every), steps})
    kept = kept_of(made, steps)
    assert len(kept) <= KEPT + 1 and {made[0], made[-1]} <= kept <= set(made)
    gaps = np.diff(sorted(kept)) if len(kept) > 1 else np.array([0])
    assert gaps.max() <= 2 * -(-steps // KEPT) + every
    # One by one, and with steps that are made again, it comes to the same.
    at_hand: set[int] = set()
    back = data.draw(st.integers(0, len(made)))
    for step in [*made[:back], *made[max(0, back - 3) :]]:
        at_hand = kept_of({*at_hand, step}, steps)
    assert at_hand == kept


def test_a_long_run_keeps_few(tmp_path):
    program = make_program(PICTURES, steps=120)
    run_toy(tmp_path, program, cadence=Cadence(60, 1, 60))
    found, _ = record.read_glimpses(tmp_path)
    assert len(found) == KEPT + 1 and min(found) == 1 and max(found) == 120


WRONG = {
    "one axis": (lambda state, key: state.params["b"], np.asarray, "float32 [8] is no picture"),
    "integers": (
        lambda state, key: jnp.zeros((8, 8), jnp.int32), np.asarray, "int32 [8, 8] is no picture",
    ),
    "two channels": (
        lambda state, key: jnp.zeros((2, 8, 8, 2)), np.asarray, "uint8 [2, 8, 8, 2] are no images",
    ),
    "a number": (lambda state, key: state.params["b"], lambda made: 3, "it gives int"),
    "no images": (
        lambda state, key: state.params["w"],
        lambda made: Images("i", made, 0.0, 1.0),
        "float32 [8, 8] are no images",
    ),
    "objects": (
        lambda state, key: {"a": state.params["b"]}, np.asarray, "object [] is no picture",
    ),
    "what is not there": (lambda state, key: state.nowhere, np.asarray, "AttributeError"),
    "not for a device": (
        lambda state, key: float(state.params["b"][0]), np.asarray, "ConcretizationTypeError",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_shown_is_told_before_training(case, tmp_path):
    make, show, message = WRONG[case]
    with pytest.raises(Mistake) as raised:
        run_toy(tmp_path / "run", make_program(Glimpse(make, show)))
    assert str(raised.value).startswith("the experiment's glimpse cannot be shown: ")
    assert message in str(raised.value)
    assert not (tmp_path / "run").exists()


def test_what_cannot_be_shown_later_is_noted_and_the_run_goes_on(programs, tmp_path):
    def fail(made):
        if made.any():
            raise RuntimeError("no words")
        return ""

    observer = Notes()
    program = make_program(Glimpse(lambda state, key: state.params["b"], fail))
    result = run_toy(tmp_path / "fails", program, observer=observer)
    assert result["complete"] and record.read_glimpses(tmp_path / "fails") == ({}, [])
    assert any("RuntimeError: no words" in note for note in observer.notes)
    assert result["digest"] == run_toy(tmp_path / "fine", programs["text"])["digest"]


def test_a_full_disk_is_noted_and_the_run_goes_on(programs, whole, tmp_path, monkeypatch):
    original = record.write_file

    def refuse(path, content):
        if path.parent.name == record.GLIMPSES:
            raise OSError(28, "No space left on device")
        original(path, content)

    monkeypatch.setattr(record, "write_file", refuse)
    observer = Notes()
    result = run_toy(tmp_path, programs["pictures"], cadence=OFTEN, observer=observer)
    assert result["digest"] == whole["pictures"][0]
    assert any("No space left" in note for note in observer.notes)


def test_a_damaged_file_costs_only_itself(programs, tmp_path):
    run_toy(tmp_path, programs["pictures"])
    (tmp_path / record.GLIMPSES / "40.npz").write_bytes(b"PK")
    (tmp_path / record.GLIMPSES / "notes").write_text("of a person")
    found, problems = record.read_glimpses(tmp_path)
    assert list(found) == [20, 60]
    assert len(problems) == 1 and "glimpses/40.npz cannot be read" in problems[0]
    run = read_run(tmp_path)
    assert run.notes == tuple(problems) and run.artifacts["glimpses"].steps == (20, 60)


def test_it_changes_nothing_that_counts_and_reads_only_what_it_made(programs, finished, tmp_path):
    read = []

    class Watching(Reader):
        def __call__(self, tree):
            read.append(sum(leaf.nbytes for leaf in jax.tree.leaves(tree)))
            return super().__call__(tree)

    program = programs["pictures"]
    carry = program.initial(0)
    saver = SimpleNamespace(beside=lambda work: work())
    session = Session(program, Directories(tmp_path), saver, Watching(), Observer())
    record.keep_glimpse(session, carry, 1)
    assert read == [4 * 4 * 8 * 8] and (tmp_path / record.GLIMPSES / "1.npz").is_file()
    result = run_toy(tmp_path / "run", program)
    assert result["digest"] == finished[1]["digest"]
    ledger = "ledger.jsonl"
    assert (tmp_path / "run" / ledger).read_bytes() == (finished[0] / ledger).read_bytes()


@pytest.mark.parametrize(
    ("shape", "images"),
    [
        ((5, 6), (1, 5, 6)), ((5, 6, 1), (1, 5, 6)), ((5, 6, 3), (1, 5, 6, 3)),
        ((7, 5, 6), (7, 5, 6)), ((7, 5, 6, 1), (7, 5, 6)), ((7, 5, 6, 3), (7, 5, 6, 3)),
    ],
)  # fmt: skip
def test_bare_pixels_are_pictures(shape, images):
    whole = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    found = as_images(whole, "t")
    assert found.images.shape == images
    np.testing.assert_array_equal(found.images.reshape(-1), whole.reshape(-1))
    again = as_images(whole.astype(np.float32) / 255, "t")
    np.testing.assert_array_equal(again.images, found.images)
    wild = np.where(whole > 128, np.float32(np.nan), np.float32(7.5))
    assert set(as_images(wild, "t").images.reshape(-1).tolist()) <= {0, 255}


def test_lines_and_other_artifacts_are_frames_as_well(tmp_path):
    glimpse = Glimpse(
        lambda state, key: state.params["b"],
        lambda b: Lines("Bias", np.arange(8.0), b[None, None].astype(float), ("b",), "unit"),
    )
    run_toy(tmp_path, make_program(glimpse))
    frames = read_run(tmp_path).artifacts["glimpses"]
    assert frames.title == "Bias" and all(isinstance(one, Lines) for one in frames.frames)
