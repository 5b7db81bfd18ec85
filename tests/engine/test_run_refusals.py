"""What a run is not continued as, or under; and what is said of a changed world."""

from __future__ import annotations

import pytest

from research.engine import ledger
from research.engine.identity import Identity, read_identity
from research.engine.metrics import Mean
from research.engine.opening import same_data
from research.engine.program import Program
from research.engine.run import Slicing, StoppedRun, launch
from research.errors import Damaged, Difference, Mistake
from tests.engine.toy import SURROUNDINGS, Cadence, ToyFeed, make_toy, run_toy
from tests.engine.watch import Notes, records, same_outcome


@pytest.fixture
def half(program, tmp_path):
    with pytest.raises(StoppedRun):
        run_toy(tmp_path, program, until=20)
    return tmp_path


def test_other_data_are_refused(program, half):
    before = records(half)
    other = SURROUNDINGS._replace(data={"validation": "e" * 64})
    with pytest.raises(Mistake, match="the data of split validation are not those of this run"):
        run_toy(half, program, surroundings=other)
    with pytest.raises(Mistake, match="split test are not those"):
        run_toy(half, program, surroundings=SURROUNDINGS._replace(data={"test": "d" * 64}))
    assert records(half) == before


def test_data_recorded_before_a_digest_had_a_form_are_known_by_their_content(program, half):
    recorded = SURROUNDINGS.data
    with_form = {split: f"{digest}-{'f' * 64}" for split, digest in recorded.items()}
    result = run_toy(half, program, surroundings=SURROUNDINGS._replace(data=with_form))
    assert result["complete"]
    # Control: where both have a form, it counts.
    digest = next(iter(with_form.values()))
    assert same_data(digest, digest) and not same_data(digest, digest.replace("-f", "-e"))


def test_a_split_that_the_experiment_got_since_is_no_other_data(program, half):
    more = SURROUNDINGS._replace(data={**SURROUNDINGS.data, "unseen": "f" * 64})
    assert run_toy(half, program, surroundings=more)["complete"]


def test_another_pool_is_refused(program, half):
    before = records(half)
    other = SURROUNDINGS._replace(fingerprint={"jax": "1", "pool_size": "2"})
    with pytest.raises(Mistake, match=r"pool of 8 threads and this process has 2.* set NPROC=8"):
        run_toy(half, program, surroundings=other)
    assert records(half) == before


def test_another_run_in_the_directory_is_refused(program, half):
    for other in (Identity("test/toy", {"size": 9}, 0), Identity("test/toy", {"size": 8}, 4)):
        with pytest.raises(Damaged, match="belongs to another run: its (config|seed) differ"):
            launch(
                program, other, half, SURROUNDINGS, Slicing(Cadence(10, 20, 20)), Notes()
            )  # fmt: skip


def test_a_program_that_does_not_fit_is_refused_with_the_leaf(half):
    experiment = make_toy()

    def init(key, hyperparameters):
        state = experiment.init(key, hyperparameters)
        return state._replace(half=state.half.astype("float32"))

    with pytest.raises(
        Mistake, match=r"state/half is bfloat16\[3\], the program takes float32\[3\]"
    ):
        run_toy(half, Program(experiment._replace(init=init), ToyFeed()))


CHANGES = {
    "code": SURROUNDINGS._replace(code={"experiments/toy.py": "f" * 64}),
    "environment": SURROUNDINGS._replace(fingerprint={"jax": "2", "pool_size": "8"}),
}
WORDS = {"code": "experiments/toy.py changed", "environment": "jax was 1 and is 2 now"}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_told_and_recorded_once(program, finished, half, what):
    observer = Notes()
    with pytest.raises(StoppedRun):
        run_toy(half, program, until=40, surroundings=CHANGES[what], observer=observer)
    assert WORDS[what] in observer
    observer = Notes()
    result = run_toy(half, program, surroundings=CHANGES[what], observer=observer)
    assert observer.notes == []
    assert same_outcome(result, finished[1])
    opened = ledger.read(half / "ledger.jsonl")
    (segment,) = opened.of_kind("segment")
    assert segment["code"] == CHANGES[what].code
    assert segment["fingerprint"] == CHANGES[what].fingerprint
    kinds = [line.kind for line in opened.lines]
    assert [kind for kind in kinds if kind not in ("leaves", "figures")] == [
        "header", "save", "save", "segment", "save", "save", "result"
    ]  # fmt: skip


def test_a_finished_run_says_what_changed_and_stays_as_it_is(program, finished, copied):
    before = records(copied)
    observer = Notes()
    result = run_toy(copied, program, surroundings=CHANGES["code"], observer=observer)
    assert "since this run was last at work, experiments/toy.py changed" in observer
    assert same_outcome(result, finished[1]) and records(copied) == before


def test_steps_made_again_otherwise_are_a_difference_and_nothing_is_overwritten(
    program, half, tmp_path
):
    before = records(half)
    for path in (half / "checkpoints").iterdir():
        (path / "manifest.json").write_text("{}")
    # The same shapes, other bits.
    other = Program(make_toy(learning_rate=0.051), ToyFeed())
    for _ in range(2):
        with pytest.raises(
            Difference,
            match="made again and differs from the ledger in 1 leaves, first state/hyper",
        ):
            run_toy(half, other)
    assert records(half)[0] == before[0]


def test_an_evaluation_that_changed_is_a_difference(half, program):
    before = records(half)
    for path in (half / "checkpoints").iterdir():
        (path / "manifest.json").write_text("{}")
    experiment = make_toy()

    def evaluate(state, batch, key):
        loss = experiment.evaluate(state, batch, key)["loss"]
        assert isinstance(loss, Mean)
        return {"loss": loss._replace(total=2 * loss.total)}

    with pytest.raises(Difference, match="step 20 was made again and its figures are not those"):
        run_toy(half, Program(experiment._replace(evaluate=evaluate), ToyFeed()))
    assert records(half) == before


def test_the_identity_is_read_back_and_names_the_directory(finished, tmp_path):
    identity = read_identity(finished[0])
    assert identity == Identity("test/toy", {"size": 8}, 0)
    assert identity.directory(tmp_path) == tmp_path / f"test/toy/{identity.config_digest}-s0"
    others = [
        Identity("test/toy2", {"size": 8}, 0),
        Identity("test/toy", {"size": 8.0}, 0),
        Identity("test/toy", {"size": 8, "more": None}, 0),
        Identity("test/toy", {"size": 8}, 0, "a" * 64),
    ]
    assert len({identity.config_digest, *(o.config_digest for o in others)}) == 5
    with pytest.raises(Mistake, match="is not a run"):
        read_identity(tmp_path)
    (tmp_path / "ledger.jsonl").write_text("{}\n")
    with pytest.raises(Damaged, match="line 1 is not a ledger line"):
        read_identity(tmp_path)
