"""Experiments of agents: their evaluation, report and selection, whatever the algorithm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeAlias

import jax

from research.engine.artifacts import Artifact
from research.engine.experiment import (
    Batch,
    Evaluation,
    Experiment,
    Hyperparameters,
    Key,
    Selection,
    State,
)
from research.engine.metrics import Metrics, merge_all
from research.rl.evaluation import evaluate_policy
from research.rl.playing import show_policy
from research.rl.policy import Agent, Memory
from research.rl.predicting import offer_agent

Report: TypeAlias = Literal["last", "evaluation/episode_return"]
"""The checkpoint that is reported: the last, or the best by an evaluation's mean return."""

EVALUATIONS = 16
"""In a run of which the best is reported."""


class Acting(Protocol):
    """The options that every algorithm has which acts."""

    @property
    def updates(self) -> int:
        """Updates in a whole run."""

    @property
    def evaluation_episodes(self) -> int:
        """Episodes of either kind in one evaluation."""


def make_acting(
    config: Acting,
    agent: Agent,
    init: Callable[[Key, Hyperparameters], State],
    update: Callable[[State, Batch, Key], tuple[State, Metrics]],
    items_per_update: int,
    items: str = "environment steps",
    groups: int = 1,
    more: Callable[[State], Metrics] = lambda state: {},
    initial: Memory = None,
) -> Experiment:
    """The experiment of an agent, evaluated eight times in a run by whole episodes.

    Args:
        config: the options.
        agent: an environment and a policy in it.
        init: as `Experiment.init`.
        update: as `Experiment.update`.
        items_per_update: how many `items` an update takes.
        items: the unit of `items_per_update`.
        groups: as `Experiment.groups`.
        more: state -> metrics of an evaluation beside returns.
        initial: as `offer_agent` has it.
    """
    updates, evaluation_episodes = config.updates, config.evaluation_episodes

    def evaluate(state: State, batch: Batch, key: Key) -> Metrics:
        del batch
        policy, episodes = agent.policy(state), evaluation_episodes
        return evaluate_policy(agent.environment, policy, key, episodes) | more(state)

    def artifacts(state: State, evaluation: Evaluation, key: Key) -> dict[str, Artifact]:
        del evaluation
        return show_policy(agent, state, key, evaluation_episodes)

    return Experiment(
        init=init,
        update=update,
        evaluate=evaluate,
        steps=updates,
        items_per_step=items_per_update,
        items=items,
        groups=groups,
        evaluate_every=max(1, updates // 8),
        watched=("evaluation",),
        final=("evaluation",),
        artifacts=artifacts,
        offers=offer_agent(agent, initial),
    )


def select_reported(experiment: Experiment, report: Report) -> Experiment:
    """The experiment, reporting its last checkpoint or its best.

    The best by an evaluation, the first of equals, is then evaluated anew, in other episodes. That
    suits policies that are good long before they are steady (rl-baselines3-zoo saves its
    `best_model` so).
    """
    if report == "last":
        return experiment
    every = max(1, experiment.steps // EVALUATIONS)
    return experiment._replace(selection=Selection(report), evaluate_every=every)


def scan_updates(
    step: Callable[[Any, Any], tuple[Any, Metrics]], carry: Any, inputs: Any
) -> tuple[Any, Metrics]:
    """`jax.lax.scan` over steps with metrics, which are those of all steps together."""
    carry, metrics = jax.lax.scan(step, carry, inputs)
    return carry, merge_all(metrics)
