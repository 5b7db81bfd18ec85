"""Each member of a population reports the best of its own checkpoints."""

from __future__ import annotations

import jax.numpy as jnp

from research.engine import checkpoint, metrics
from research.engine.checkpoint import Retention
from research.engine.experiment import Experiment, Selection
from research.engine.identity import Identity, Many
from research.engine.population import Population, Seeded
from research.engine.program import Program
from research.engine.record import Observer
from research.engine.run import Slicing, launch
from research.engine.verify import verify
from tests.engine.toy import SURROUNDINGS, Cadence, ToyFeed
from tests.engine.verifying import forge

PEAKS = (20.0, 40.0, 60.0)


def make(peak: float) -> Experiment:
    """The validation score is best at the step `peak`; the test figure is the step."""

    def init(key, hyperparameters):
        return {"step": jnp.int32(0), "peak": hyperparameters["peak"]}

    def evaluate(state, batch, key):
        step = state["step"].astype(jnp.float32)
        return {"score": metrics.mean(-abs(step - state["peak"])), "step": metrics.mean(step)}

    return Experiment(
        init=init,
        update=lambda state, batch, key: ({**state, "step": state["step"] + 1}, {}),
        evaluate=evaluate,
        steps=60,
        items_per_step=1,
        items="steps",
        hyperparameters={"peak": peak},
        evaluate_every=10,
        selection=Selection("validation/score"),
        judge=lambda state, evaluation, key: {"measured/step": float(state["step"])},
    )


def run(directory, program, identity):
    slicing = Slicing(Cadence(10, 10, 30), Retention(1))
    return launch(program, identity, directory, SURROUNDINGS, slicing, Observer())


def population(members=range(3)):
    return Population(make(0.0), ToyFeed(), [Seeded(0, {"peak": PEAKS[k]}) for k in members], 1)


def test_each_reports_its_best_as_its_own_run_does(tmp_path):
    identity = Identity("test/peaks", {"peak": list(PEAKS)}, 0, population=Many(1, 1, ("peak",)))
    result = run(tmp_path / "all", population(), identity)
    for peak, member in zip(PEAKS, result["members"], strict=True):
        alone = Identity("test/peaks", {"peak": peak}, 0)
        solo = run(tmp_path / f"{peak:g}", Program(make(peak), ToyFeed()), alone)
        assert member["digest"] == solo["digest"]
        assert member["metrics"] == {"reported_step": 60, **solo["metrics"]}
        assert member["metrics"]["test/step"] == member["metrics"]["measured/step"] == peak
    assert checkpoint.stored_steps(tmp_path / "all" / "checkpoints") == [20, 40, 60]

    arguments = (identity, tmp_path / "all", SURROUNDINGS, Observer())
    assert not verify(population(), *arguments).findings
    assert not verify(population([1]), *arguments, None, [1]).findings

    def change(kind, content):
        if kind == "result":
            content["members"][1]["metrics"]["reported_step"] = 20

    forge(tmp_path / "all", change)
    findings = verify(population(), *arguments).findings
    assert any("step 20 of member 1 is reported, 40 is the best" in told for told in findings)
