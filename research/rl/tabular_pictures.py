"""Pictures of a table of action values for a report."""

from __future__ import annotations

import jax
import numpy as np

from research.engine.artifacts import Artifact, Lines
from research.engine.experiment import Key, State
from research.rl.agent import Agent
from research.rl.environments.finite import FiniteMDP, exact_value, solve
from research.rl.pictures import animate, first_episode, play_episode


def show_table(
    agent: Agent, state: State, key: Key, mdp: FiniteMDP | None, discount: float
) -> dict[str, Artifact]:
    """An episode, where the environment can be drawn, and values beside the exact ones.

    Args:
        agent: an environment and a policy in it.
        state: holds `q_value`, float32 `[states, actions]`.
        key: for the episode.
        mdp: the model, where it is known.
        discount: γ of the values.
    """
    made: dict[str, Artifact] = {}
    environment = agent.environment
    if environment.renderer:

        def play(state: State, key: Key) -> tuple:
            longest = environment.longest_episode
            return play_episode(environment, agent.policy(state), key, longest)

        played = first_episode(*jax.device_get(jax.jit(play)(state, key)))
        made["episode"] = animate(played, environment.renderer)
    if mdp is not None:
        made["values"] = compare_values(mdp, np.asarray(state.q_value), discount)
    return made


def compare_values(mdp: FiniteMDP, q_value: np.ndarray, discount: float) -> Lines:
    """Believed and exact values of the best action in each state that does not end an episode.

    Args:
        mdp: the process.
        q_value: float `[states, actions]`, what is believed.
        discount: γ, below 1.
    """
    best = solve(mdp, discount)
    greedy = np.where(mdp.possible, q_value, -np.inf)
    going = np.flatnonzero(~mdp.terminal)
    followed = exact_value(mdp, greedy.argmax(-1), discount)
    lines = np.stack([greedy[going].max(-1), followed[going], best[going].max(-1)])
    return Lines(
        "Values of states",
        going.astype(np.float64),
        lines[None],
        ("believed", "of the policy that follows from it", "of the best policy"),
        "state",
        note=f"Discount {discount:g}; the last two in closed form.",
    )
