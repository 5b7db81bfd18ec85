"""What Encore promises, for each named experiment: the same bits however a run is cut."""

from __future__ import annotations

import dataclasses
import json
import operator
import os
import signal
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.data.feed import WorkerKind, open_feed
from research.data.tfds_split import TfdsSplit
from research.engine import finish, groups, ledger, needs
from research.engine.experiment import bind, traced
from research.engine.leaves import Reader, is_key
from research.engine.loop import Cadence
from research.engine.program import Program
from research.engine.record import Observer
from research.engine.stored import read_state
from research.engine.verify import verify
from research.options.assembly import make_given
from research.options.catalog import ROOT
from research.options.config import floats, traced_floats
from research.report.page import make_page
from research.runs.reading import read_run
from tests.data.children import children
from tests.engine.key_reuse import check_keys
from tests.reproducibility.conftest import PLAINLY, Subject, digest, trained
from tests.reproducibility.launches import REPRESENTATIVES
from tests.reproducibility.predictions import make_figures, spoil

NOTHING_IS_DRAWN = {"rl/three_state_q_iteration", "rl/frozen_lake_value_iteration"}
"""Planning with a known model: every seed is the same run."""


@pytest.fixture(scope="module")
def undisturbed(
    subject: Subject, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, object]]:
    directory = tmp_path_factory.mktemp("undisturbed")
    return directory, subject.run(directory)


def test_it_ends_and_says_where(
    subject: Subject, undisturbed: tuple[Path, dict[str, object]]
) -> None:
    _, result = undisturbed
    assert result["complete"] and result["step"] == subject.opened.experiment.steps
    assert isinstance(result["metrics"], dict) and result["metrics"]


def test_it_leaves_what_a_report_shows(
    subject: Subject, undisturbed: tuple[Path, dict[str, object]]
) -> None:
    directory, _ = undisturbed
    shown = read_run(directory)
    assert not shown.notes
    experiment = subject.opened.experiment
    assert ("glimpses" in shown.artifacts) == (experiment.glimpse is not None)
    drawn = shown.artifacts.keys() - {"glimpses"}
    assert bool(drawn) == (experiment.artifacts is not None)
    page = make_page([shown], {})
    assert page.metric and page.headlines[0].figure != "–"
    assert not [card for part in page.sections for card in part.cards if card.kind == "problem"]


def test_what_a_run_keeps_for_its_use_makes_it_again_without_the_data(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, experiment = subject.named, subject.opened.experiment
    if experiment.needs is None:
        assert not {"writer", "translator"} & experiment.offers.keys()
        pytest.skip("using a state of it needs nothing of its data")

    def unread(*_: object) -> None:
        raise AssertionError("the data was read")

    monkeypatch.setattr(TfdsSplit, "load", unread)
    kept = json.loads(needs.spell(experiment.needs))
    again = named.make(subject.config, kept)
    assert again.data is None and needs.spell(again.needs) == needs.spell(experiment.needs)
    assert again.offers.keys() == experiment.offers.keys()
    key, values = jax.random.key(0), traced(experiment.hyperparameters)
    shapes = [jax.eval_shape(one.init, key, values) for one in (experiment, again)]
    assert jax.tree.all(jax.tree.map(operator.eq, *shapes))


def test_predictions_from_raw_inputs_are_those_that_it_was_evaluated_by(
    subject: Subject, undisturbed: tuple[Path, dict[str, Any]]
) -> None:
    directory, result = undisturbed
    predictor = subject.opened.experiment.offers.get("predict")
    if predictor is None or predictor.split is None:
        pytest.skip("it predicts nothing from the inputs of a split")
    found = read_state(directory, subject.opened.experiment)
    assert found is not None
    # The accuracy is a count; other figures are summed in another order here, and a forecast has
    # been to its unit and back.
    near = {"rel": 1e-4, "abs": 1e-6}
    figures_of = make_figures(predictor, getattr(subject.config, "window", 0))
    for split in subject.opened.experiment.final:
        batches = [*subject.opened.program.feed.evaluation(split)]
        made = figures_of(found[1], batches)
        if f"{split}/{next(iter(made))}" not in result["metrics"]:
            pytest.skip("what it writes alone is not among its figures")
        recorded = {name: result["metrics"][f"{split}/{name}"] for name in made}
        assert made == pytest.approx(recorded, **near)
        if "accuracy" in made:
            assert np.float32(made["accuracy"]) == np.float32(recorded["accuracy"])
        # The control: inputs that something else was done to.
        spoilt = figures_of(found[1], batches, spoil)
        assert spoilt != pytest.approx(recorded, **near)


def test_repeat_ragged_and_resumed_runs_are_the_same_bits(
    subject: Subject,
    undisturbed: tuple[Path, dict[str, object]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    directory, first = undisturbed
    steps = subject.opened.experiment.steps
    # Pictures are no part of a result, and programs of their own.
    monkeypatch.setattr(finish, "keep_artifacts", lambda *_: None)

    seldom = subject.cadence._replace(save_every=max(1, steps))
    repeated = subject.run(tmp_path / "repeated", seldom)
    assert repeated["digest"] == first["digest"]
    assert repeated["metrics"] == first["metrics"]

    evaluate_every = subject.cadence.evaluate_every
    ragged = Cadence(3, evaluate_every, 7, save_seconds=0.2, chunk_seconds=1e-9)
    for until in (steps // 3, 2 * steps // 3 + 1, None):
        cut = subject.run(tmp_path / "cut", ragged, until)
    assert cut["digest"] == first["digest"]
    final = {k: v for k, v in cut["metrics"].items() if not k.startswith("train/")}
    assert final == {k: v for k, v in first["metrics"].items() if not k.startswith("train/")}

    saves = ledger.read(tmp_path / "cut" / "ledger.jsonl").saves()
    common = saves.keys() & ledger.read(directory / "ledger.jsonl").saves().keys()
    assert {0, steps} <= common

    for name, times in subject.opened.program.compilations.items():
        assert times == 1, f"{name} was compiled {times} times"


def test_stopped_and_resumed_at_the_same_cadence_writes_the_same_records(
    subject: Subject, undisturbed: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    if subject.named.name not in REPRESENTATIVES:
        pytest.skip("one experiment of each mechanism is enough here: all write by the same loop")
    directory, first = undisturbed
    steps = subject.opened.experiment.steps
    subject.run(tmp_path, until=steps // 2)
    resumed = subject.run(tmp_path)
    assert resumed["metrics"] == first["metrics"]
    records = [folder / "metrics.jsonl" for folder in (tmp_path, directory)]
    assert records[0].read_text() == records[1].read_text()


def test_verify_accepts_it_and_rejects_another_seed(
    subject: Subject, undisturbed: tuple[Path, dict[str, object]]
) -> None:
    directory, _ = undisturbed
    surroundings = subject.opened.surroundings
    program = subject.opened.program
    verdict = verify(program, subject.identity, directory, surroundings, Observer())
    assert not verdict.findings and verdict.equal == verdict.compared >= 1
    other = subject.identity._replace(seed=1)
    verdict = verify(program, other, directory, surroundings, Observer())
    if not subject.opened.experiment.steps:
        return
    starts = [digest(program.leaves(program.initial(seed), Reader())) for seed in (0, 1)]
    if starts[0] != starts[1]:
        assert any("first difference at step 0" in finding for finding in verdict.findings)
    elif digest(trained(program, 0)) != digest(trained(program, 1)):
        # Too little is drawn before the first step; what a report says may be the first to differ.
        told = ("first difference at step", "the replay")
        assert any(part in finding for finding in verdict.findings for part in told)
    else:
        assert subject.named.name in NOTHING_IS_DRAWN


def texts(program: Program) -> list[str]:
    """What the compiler is given: how a run begins, and the loop."""

    def spell(name: str, jitted: Any, *arguments: Any) -> str:
        return jitted.lower(*arguments).as_text()

    arrays = next(iter(program.feed.windows(0, 0, 1))).arrays
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "_call", spell)
        advance = program.advance(program.shapes, arrays, 0, 1, fresh=False, halt=False)
        return [str(program.initial(0)), str(advance)]


def test_floats_are_traced_and_no_part_of_the_program(subject: Subject) -> None:
    experiment, program = subject.opened.experiment, subject.opened.program
    assert set(floats(subject.config)) <= set(experiment.hyperparameters)
    if not experiment.steps:
        return
    changed = {name: 0.9 * value + 1e-3 for name, value in traced_floats(subject.config).items()}
    config = dataclasses.replace(subject.config, **changed)
    other = make_given(subject.named, config, subject.inputs, ROOT)
    found = texts(program)
    assert found == texts(Program(other, program.feed))
    # LAPACK's results follow the CPU.
    assert not any("lapack" in text for text in found)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="lists /proc")
@pytest.mark.parametrize("workers, kind", [(0, "threads"), (4, "threads"), (2, "processes")])
def test_workers_are_no_part_of_it_nor_is_one_that_is_killed(
    subject: Subject,
    undisturbed: tuple[Path, dict[str, object]],
    tmp_path: Path,
    workers: int,
    kind: WorkerKind,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    experiment, (_, first) = subject.opened.experiment, undisturbed
    if PLAINLY in request.node.name:
        pytest.skip("where a batch comes from can be seen in a program that is hardly optimised")
    if experiment.data is None or experiment.data.rows is None:
        pytest.skip("nothing is read for its steps")
    monkeypatch.setattr(finish, "keep_artifacts", lambda *_: None)
    before = children()
    with open_feed(experiment.data, "streamed", workers=workers, worker_kind=kind) as feed:
        program = Program(experiment, feed)
        if kind == "processes":
            os.kill(min(children() - before), signal.SIGKILL)
        streamed = subject._replace(opened=subject.opened._replace(program=program))
        result = streamed.run(tmp_path)
    assert (result["digest"], result["metrics"]) == (first["digest"], first["metrics"])
    assert children() == before


@pytest.mark.slow
def test_a_batch_is_used_by_its_groups_alone(subject: Subject) -> None:
    experiment = bind(subject.opened.experiment, subject.opened.experiment.inputs)
    data, feed = experiment.data, subject.opened.program.feed
    if data is None or data.rows is None or experiment.groups % 2:
        pytest.skip("no two processes can share its batches")
    arrays = next(iter(feed.windows(0, 0, 1))).arrays
    batch = feed.batch(arrays, np.uint32(0), np.int32(0))
    state = subject.opened.program.initial(0).state

    def after(present: np.ndarray) -> list[bytes]:
        """The state of two devices that share the groups, of examples that each of them has."""

        def held(column: jax.Array, has: jax.Array) -> jax.Array:
            return jnp.where(has.reshape(-1, *[1] * (column.ndim - 1)), column, 0)

        def step(has: jax.Array) -> Any:
            own = {name: held(column, has) for name, column in batch.items()}
            return experiment.update(state, own | {"weight": batch["weight"]}, jax.random.key(1))

        shared = jax.jit(jax.vmap(step, axis_name=groups.AXIS))(present)
        return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(host(shared))]

    first = np.arange(len(batch["weight"])) < len(batch["weight"]) // 2
    everything = after(np.ones((2, len(first)), bool))
    assert after(np.stack([first, ~first])) == everything
    # The control: each has what the other one needs.
    assert after(np.stack([~first, first])) != everything


def host(tree: Any) -> Any:
    """Keys as their bits, which NumPy can have."""
    return jax.tree.map(lambda leaf: jax.random.key_data(leaf) if is_key(leaf) else leaf, tree)


def test_no_key_is_used_twice(subject: Subject) -> None:
    experiment = subject.opened.experiment
    check_keys(bind(experiment, experiment.inputs), subject.opened.program)
