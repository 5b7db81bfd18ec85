"""Planning as an experiment, and what can be chosen of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import jax.numpy as jnp
import numpy as np

from research.engine.artifacts import Artifact
from research.engine.experiment import Batch, Evaluation, Experiment, Hyperparameters, Key
from research.engine.hyperparameters import floats
from research.engine.metrics import Metrics, maximum
from research.options.ranges import AMOUNT, COUNT, FRACTION, out_of_range
from research.rl.algorithms.planning import (
    Plan,
    Sweep,
    backup,
    greedy_value,
    make_model,
    make_policy_iteration,
    policy_evaluation,
    q_value_iteration,
    starting_plan,
    value_sweep,
)
from research.rl.environments.finite import FiniteMDP, known_figures
from research.rl.environments.registered import FINITE, unfit
from research.rl.tabular_pictures import compare_values

Method = Literal["q_value_iteration", "value_iteration", "policy_iteration", "policy_evaluation"]


@dataclass(frozen=True)
class PlanningConfig:
    """What can be chosen of planning."""

    environment: Annotated[str, "a process whose model is known"] = "ThreeStates-finite"
    method: Annotated[Method, "what a sweep does"] = "q_value_iteration"
    sweeps: Annotated[int, "sweeps over all states; one of value_iteration is two backups"] = 50
    evaluation_sweeps: Annotated[int, "of policy iteration: sweeps before each improvement"] = 10
    discount: Annotated[float, "weight of the next state's value"] = 0.9


def validate(config: PlanningConfig) -> list[str]:
    """What is out of range, a message each."""
    ranges = {
        "sweeps": AMOUNT,
        "evaluation_sweeps": COUNT,
        "discount": FRACTION,
    }
    return out_of_range(config, ranges) + unfit(config.environment, known=True)


def smoke(config: PlanningConfig) -> PlanningConfig:
    """Ten sweeps."""
    return replace(config, sweeps=10, evaluation_sweeps=2)


def make(config: PlanningConfig) -> Experiment:
    """The chosen method on the chosen process."""
    sweeps: dict[str, tuple[Sweep, int]] = {
        "q_value_iteration": (q_value_iteration, 1),
        "value_iteration": (value_sweep, 2),
        "policy_iteration": (
            make_policy_iteration(config.evaluation_sweeps), config.evaluation_sweeps
        ),
        "policy_evaluation": (policy_evaluation, 1),
    }  # fmt: skip
    sweep, backups = sweeps[config.method]
    mdp = FINITE[config.environment]().mdp
    return make_planner(mdp, sweep, config.sweeps, floats(config), backups)


def make_planner(
    mdp: FiniteMDP,
    sweep: Sweep,
    sweeps: int,
    hyperparameters: Mapping[str, float],
    backups: int = 1,
) -> Experiment:
    """Planning as an experiment: one update is one sweep over all states and actions.

    Args:
        mdp: the process.
        sweep: the method.
        sweeps: how many.
        hyperparameters: `discount`, below 1.
        backups: how often one sweep backs up each action of each state.
    """
    model = make_model(mdp)

    def init(key: Key, hyperparameters: Hyperparameters) -> Plan:
        del key
        return starting_plan(model, hyperparameters)

    def update(plan: Plan, batch: Batch, key: Key) -> tuple[Plan, Metrics]:
        del batch, key
        after = sweep(model, plan, plan.hyperparameters["discount"])
        change = jnp.where(model.possible, jnp.abs(after.q_value - plan.q_value), 0.0)
        return after, {"largest_change": maximum(jnp.max(change))}

    def evaluate(plan: Plan, batch: Batch, key: Key) -> Metrics:
        del batch, key
        best = backup(model, greedy_value(model, plan.q_value), plan.hyperparameters["discount"])
        residual = jnp.where(model.possible, jnp.abs(best - plan.q_value), 0.0)
        return {"bellman_residual": maximum(jnp.max(residual))}

    def measure(plan: Plan) -> dict[str, float]:
        return known_figures(mdp, np.asarray(plan.q_value), float(plan.hyperparameters["discount"]))

    def artifacts(plan: Plan, evaluation: Evaluation, key: Key) -> dict[str, Artifact]:
        del evaluation, key
        discount = float(plan.hyperparameters["discount"])
        return {"values": compare_values(mdp, np.asarray(plan.q_value), discount)}

    return Experiment(
        init=init,
        update=update,
        evaluate=evaluate,
        steps=sweeps,
        items_per_step=backups * int(mdp.possible.sum()),
        items="backups",
        hyperparameters=hyperparameters,
        evaluate_every=max(1, sweeps // 10),
        watched=("evaluation",),
        final=("evaluation",),
        measure=measure,
        artifacts=artifacts,
    )
