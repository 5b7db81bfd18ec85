"""Populations: a member is the run of its seed, whatever the devices and however many there are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.data.feed import open_feed
from research.data.order import shuffled_rows
from research.data.sources.arrays import ArraySource
from research.engine import checkpoint, ledger, result
from research.engine.digests import member_digests
from research.engine.experiment import Data
from research.engine.identity import Identity, Many, from_fields
from research.engine.leaves import Reader
from research.engine.loop import Diverged
from research.engine.population import Layout, Population, Seeded
from research.engine.program import Program
from research.engine.record import Observer
from research.engine.run import Slicing, StoppedRun, launch
from research.engine.verify import verify
from tests.engine import population_toy
from tests.engine.toy import SURROUNDINGS, Cadence, ToyFeed, make_toy, run_toy

SEEDS = 3
RATES = (0.05, 0.01)


def identity(width: int = 1) -> Identity:
    config = {"size": 8, "learning_rate": list(RATES)}
    return Identity("test/toy", config, 0, population=Many(SEEDS, width, ("learning_rate",)))


def make(experiment=None, width: int = 1, members=None) -> Population:
    experiment = experiment or make_toy()
    seeded = [
        Seeded(member.seed, {**experiment.hyperparameters, **member.varied})
        for member in identity().members
    ]
    chosen = seeded if members is None else [seeded[k] for k in members]
    return Population(experiment, ToyFeed(), chosen, width)


def run(directory: Path, population: Population, until: int | None = None, width: int = 1, **more):
    slicing = Slicing(Cadence(10, 20, 20), until=until, **more)
    return launch(population, identity(width), directory, SURROUNDINGS, slicing, Observer())


@pytest.fixture(scope="module")
def population() -> Population:
    return make()


@pytest.fixture(scope="module")
def whole(population, tmp_path_factory):
    directory = tmp_path_factory.mktemp("population") / "run"
    return directory, run(directory, population)


def test_each_member_is_the_run_of_its_seed_and_values(whole, program, tmp_path):
    _, result = whole
    for rate in RATES:
        solo = program if rate == 0.05 else Program(make_toy(learning_rate=rate), ToyFeed())
        for seed in range(SEEDS):
            alone = run_toy(tmp_path / f"{rate}-{seed}", solo, seed=seed)
            member = next(
                m
                for m in result["members"]
                if (m["seed"], m["hyperparameters"]) == (seed, {"learning_rate": rate})
            )
            assert (member["digest"], member["metrics"]) == (alone["digest"], alone["metrics"])
    assert len({member["digest"] for member in result["members"]}) == len(result["members"])


def test_one_program_for_all_and_one_checkpoint_for_all(population, whole):
    directory, result = whole
    assert set(population.compilations.values()) == {1}
    newest = checkpoint.read(directory / "checkpoints", 60)
    assert {leaf.shape[0] for leaf in newest.leaves.values()} == {len(RATES) * SEEDS}
    assert result["seeds"] == SEEDS and result["width"] == 1


def test_each_value_has_its_mean_and_spread_over_seeds(whole):
    _, result = whole
    name = "train/loss"
    values = [member["metrics"][name] for member in result["members"]]
    assert result["metrics"][name] == pytest.approx(np.mean(values))
    assert result["metrics"]["train/never"] is None
    assert "spread" not in result and len(result["variants"]) == len(RATES)
    for variant, rate in zip(result["variants"], RATES, strict=True):
        assert variant["hyperparameters"] == {"learning_rate": rate}
        own = [
            member["metrics"][name]
            for member in result["members"]
            if member["hyperparameters"] == variant["hyperparameters"]
        ]
        found = variant["spread"][name]
        assert (found["members"], variant["members"]) == (SEEDS, SEEDS)
        assert found["mean"] == pytest.approx(np.mean(own))
        assert found["standard_deviation"] == pytest.approx(np.std(own, ddof=1))
        # The control: over all values it is that of the values.
        assert found["standard_deviation"] != pytest.approx(np.std(values, ddof=1), rel=0.1)


def test_of_seeds_alone_there_is_one_spread():
    members = [
        {"seed": seed, "hyperparameters": {}, "digest": "d", "metrics": {"loss": value}}
        for seed, value in ((0, 1.0), (1, 2.0), (2, None))
    ]
    told = result.report(members)
    assert told["spread"]["loss"]["mean"] == 1.5 and told["spread"]["loss"]["members"] == 2
    assert "variants" not in told


def test_stopped_and_resumed_it_is_the_same(whole, population, tmp_path):
    directory, result = whole
    with pytest.raises(StoppedRun):
        run(tmp_path, population, until=33)
    resumed = run(tmp_path, population)
    assert resumed["digest"] == result["digest"] and resumed["members"] == result["members"]
    assert (tmp_path / "metrics.jsonl").read_text() == (directory / "metrics.jsonl").read_text()
    assert run(tmp_path, population)["members"] == result["members"]


def test_verify_replays_all_and_one_and_notices_another(whole, population):
    directory, _ = whole
    arguments = (identity(), directory, SURROUNDINGS, Observer())
    verdict = verify(population, *arguments)
    assert not verdict.findings and verdict.equal == verdict.compared > 2
    assert not verify(make(members=[4]), *arguments, None, [4]).findings
    assert not verify(make(members=[4]), *arguments, (20, 40), [4]).findings
    other = verify(make(members=[3]), *arguments, None, [4])
    assert "first difference at step 0" in other.findings[0]


def test_a_member_that_is_not_finite_stops_all_and_is_named(tmp_path):
    exploding = make(make_toy(explode_at=30))
    with pytest.raises(Diverged, match=r"step 30 of member 0, 1, 2, 3, 4, 5 \(counted from 0\)"):
        run(tmp_path, exploding)
    assert checkpoint.stored_steps(tmp_path / "checkpoints") == [0, 20]


def test_the_ledger_has_a_digest_of_each_member(whole):
    directory, result = whole
    last = ledger.read(directory / "ledger.jsonl").saves()[60]
    assert last["members"] == [member["digest"] for member in result["members"]]


@pytest.fixture(scope="module")
def on_devices():
    ran = subprocess.run(
        [sys.executable, population_toy.__file__], capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    return {tuple(case[:3]): case[3] for case in json.loads(ran.stdout)}


def test_neither_devices_nor_number_change_a_member(on_devices, program):
    reader = Reader()
    solo = []
    for seed in range(5):
        carry = program.initial(seed)
        for window in program.windows(seed, 0, 60):
            carry = program.advance(carry, window.arrays, 0, 60, fresh=False, halt=True)
        stacked = {name: leaf[None] for name, leaf in program.leaves(carry, reader).items()}
        solo += member_digests(stacked)
    for (width, _, members), digests in on_devices.items():
        assert len(digests) == members
        if width == 1:
            assert digests == solo[:members]
        else:
            assert digests[:4] == on_devices[width, 1, 4]


def test_streamed_members_have_windows_of_their_own():
    draw = np.random.default_rng(0)
    source = ArraySource("random", {"x": draw.normal(size=(40, 8)).astype(np.float32)})
    data = Data({"train": source}, rows=shuffled_rows(40, 16, "drop"))

    def update(state, batch, key):
        step_of = make_toy().update
        return step_of(state, batch["x"], key)

    experiment = make_toy()._replace(update=update, data=data)
    seeded = [Seeded(offset, experiment.hyperparameters) for offset in (0, 1, 0)]
    digests = []
    for placement in ("resident", "streamed"):
        with open_feed(data, placement, window_steps=4) as feed:
            population = Population(experiment, feed, seeded, 1)
            carry = population.initial(5)
            for start, stop in ((0, 6), (6, 20)):
                for window in population.windows(5, start, stop):
                    bounds = window.start, window.stop
                    carry = population.advance(
                        carry, window.arrays, *bounds, fresh=False, halt=True
                    )
            digests.append(member_digests(population.leaves(carry, Reader())))
            population.close(complete=True)
    assert digests[0] == digests[1]
    assert digests[0][0] == digests[0][2] != digests[0][1]


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 8))
def test_a_layout_has_room_for_each_member_once(members, width, devices):
    layout = Layout(members, width, devices)
    counts = layout.counts()
    assert counts.sum() == layout.blocks and counts.max() <= layout.blocks_per_device
    trained = [
        device * layout.blocks_per_device + block
        for device, count in enumerate(counts)
        for block in range(count)
    ]
    assert trained == list(range(layout.blocks))
    slots = layout.padded(np.arange(members))
    assert len(slots) == layout.slots and (slots[:members] == np.arange(members)).all()
    assert (slots[members:] == members - 1).all()


def test_an_identity_comes_back_from_its_fields():
    many = identity(4)
    assert from_fields(json.loads(json.dumps(many.fields))) == many
    assert many.directory(Path("r")).name == f"{many.config_digest}-s0+3-w4"
    solo = Identity("test/toy", {"size": 8}, 3)
    assert "population" not in solo.fields and from_fields(solo.fields) == solo


def test_members_with_orthogonal_initialisers_do_not_wait_for_one_another():
    """A batched factorisation can wait for ever on few cores; members are made one by one."""
    experiment = make_toy()

    def init(key, hyperparameters):
        state = experiment.init(key, hyperparameters)
        orthogonal = jax.nn.initializers.orthogonal()(key, (64, 64))
        return state._replace(half=orthogonal)

    seeded = [Seeded(offset, experiment.hyperparameters) for offset in range(32)]
    population = Population(experiment._replace(init=init), ToyFeed(), seeded, 32)
    leaves = population.leaves(population.initial(0), Reader())
    made = leaves["state/half"]
    assert made.shape == (32, 64, 64)
    np.testing.assert_allclose(made[7].T @ made[7], np.eye(64), atol=1e-5)
