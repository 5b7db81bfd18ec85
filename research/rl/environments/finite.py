"""Finite Markov decision processes given as arrays: exact answers exist.

What is computed here goes into ledgers. Sums are rounded once (`math.fsum`) and systems are solved
by single multiplications and subtractions: BLAS and LAPACK would differ from CPU to CPU.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np


class FiniteMDP(NamedTuple):
    """A Markov decision process with finitely many states and actions, all its probabilities known.

    A terminal state is one that no possible action leaves: it has none, or all of them are.

    Attributes:
        transition: float64 `[states, actions, states]`, T(s, a, s'), the probability of arriving
            in s'; all 0 where an action is not possible.
        reward: float64 `[states, actions, states]`, R(s, a, s').
        possible: bool `[states, actions]`, which actions can be chosen where.
        terminal: bool `[states]`, where an episode ends; no action is possible there.
        start: float64 `[states]`, the probability of starting in each.
    """

    transition: np.ndarray
    reward: np.ndarray
    possible: np.ndarray
    terminal: np.ndarray
    start: np.ndarray

    @property
    def states(self) -> int:
        """The number of states."""
        return self.transition.shape[0]

    @property
    def actions(self) -> int:
        """The number of actions."""
        return self.transition.shape[1]


def make_finite(
    transition: np.ndarray,
    reward: np.ndarray,
    start: int | np.ndarray = 0,
    terminal: np.ndarray | None = None,
) -> FiniteMDP:
    """A process from its arrays, after a look at whether they are one.

    Args:
        transition: `[states, actions, states]`; a row of zeros is an action that is not possible.
        reward: `[states, actions, states]`.
        start: the state to start in, or the probability of each.
        terminal: bool `[states]`; none where not given.

    Raises:
        ValueError: shapes do not fit, probabilities are not, or a state has no way on.
    """
    transition, reward = (np.asarray(array, np.float64) for array in (transition, reward))
    if transition.ndim != 3 or transition.shape[0] != transition.shape[2]:
        raise ValueError(f"transitions are [states, actions, states], not {transition.shape}")
    if reward.shape != transition.shape:
        raise ValueError(f"rewards are {transition.shape} as transitions, not {reward.shape}")
    if not np.isfinite(reward).all():
        raise ValueError("a reward is not finite")
    states = len(transition)
    ends = np.zeros(states, bool) if terminal is None else np.asarray(terminal, bool)
    total = transition.sum(-1)
    possible = total > 0
    odd = (transition < 0).any(-1) | (possible & ~np.isclose(total, 1.0, atol=1e-9))
    if odd.any():
        state, action = np.argwhere(odd)[0]
        raise ValueError(
            f"the probabilities of action {action} in state {state} are not positive numbers "
            f"that add up to 1, but {transition[state, action].tolist()}"
        )
    stuck = ~ends & ~possible.any(-1)
    if stuck.any():
        raise ValueError(f"state {stuck.argmax()} is not terminal and no action is possible there")
    possible = possible & ~ends[:, None]
    transition = np.where(possible[..., None], transition, 0.0)
    first = np.eye(states)[start] if np.ndim(start) == 0 else np.asarray(start, np.float64)
    if first.shape != (states,) or (first < 0).any() or not np.isclose(first.sum(), 1.0):
        raise ValueError("the probabilities of starting in each state do not add up to 1")
    return FiniteMDP(transition, reward, possible, ends, first)


def three_states() -> FiniteMDP:
    """The process with three states and three actions that never ends.

    Going on from state 0 pays 10; only by way of state 2, which costs 50 to enter, comes a 40.

    Source: Géron, *Hands-On Machine Learning*, 2nd edition, chapter 18, figure 18-8.
    """
    none = [0.0, 0.0, 0.0]
    transition = np.array(
        [
            [[0.7, 0.3, 0.0], [1.0, 0.0, 0.0], [0.8, 0.2, 0.0]],
            [[0.0, 1.0, 0.0], none, [0.0, 0.0, 1.0]],
            [none, [0.8, 0.1, 0.1], none],
        ]
    )
    reward = np.zeros((3, 3, 3))
    reward[0, 0, 0], reward[1, 2, 2], reward[2, 1, 0] = 10.0, -50.0, 40.0
    return make_finite(transition, reward)


LAKES = {
    "4x4": ("SFFF", "FHFH", "FFFH", "HFFG"),
    "8x8": (
        "SFFFFFFF",
        "FFFFFFFF",
        "FFFHFFFF",
        "FFFFFHFF",
        "FFFHFFFF",
        "FHHFFFHF",
        "FHFFHFHF",
        "FFFHFFFG",
    ),
}
"""The maps of gymnasium's FrozenLake: start, frozen, hole, goal."""


def frozen_lake(rows: tuple[str, ...], slippery: bool = True) -> FiniteMDP:
    """The model of FrozenLake-v1: across the ice to the goal, which alone pays 1.

    States are counted along the rows of the map, letters S, F, H and G; holes and the goal are
    terminal. Actions 0 to 3 are left, down, right, up: a slippery step goes in the direction asked
    for, or at right angles to it, with a third each.

    Source: gymnasium, environments/toy_text/frozen_lake.
    """
    height, width = len(rows), len(rows[0])
    tiles = "".join(rows)
    terminal = np.array([tile in "HG" for tile in tiles])
    steps = np.array([(0, -1), (1, 0), (0, 1), (-1, 0)])
    transition = np.zeros((height * width, 4, height * width))
    for state in np.flatnonzero(~terminal):
        place = np.array(divmod(int(state), width))
        for action in range(4):
            ways = [(action + turn) % 4 for turn in (-1, 0, 1)] if slippery else [action]
            for way in ways:
                row, column = np.clip(place + steps[way], 0, [height - 1, width - 1])
                transition[state, action, row * width + column] += 1 / len(ways)
    reward = np.zeros_like(transition)
    reward[:, :, [tile == "G" for tile in tiles]] = 1.0
    return make_finite(transition, reward, tiles.index("S"), terminal)


def exact_value(mdp: FiniteMDP, policy: np.ndarray, discount: float) -> np.ndarray:
    """The value of a policy in closed form, float64 `[states]`: V = (I - γ T_π)⁻¹ r_π.

    It is 0 where the process has ended. The policy is int `[states]`, or probabilities `[states,
    actions]`, of possible actions; γ is below 1, unless every episode ends under it.

    Raises:
        ValueError: the policy chooses an action that is not possible.

    Source: Sutton & Barto 2018, section 4.1 (the Bellman equations as a linear system).
    """
    chosen = np.asarray(policy)
    if chosen.ndim == 1:
        chosen = np.eye(mdp.actions)[chosen]
    chosen = np.where(mdp.terminal[:, None], 0.0, chosen)
    if (chosen[~mdp.possible] > 0).any():
        raise ValueError("the policy chooses an action that is not possible")
    chance = chosen[:, :, None] * mdp.transition
    moves = exact_sum(chance, 1)
    pay = exact_sum((chance * mdp.reward).reshape(mdp.states, -1), 1)
    return solve_linear(np.eye(mdp.states) - discount * moves, pay)


def exact_sum(values: np.ndarray, axis: int) -> np.ndarray:
    """The sums along an axis, each rounded once."""
    return np.apply_along_axis(math.fsum, axis, values)


def solve_linear(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve A x = b for x, float64, by elimination with pivots; the same on every CPU.

    Raises:
        ValueError: the matrix is singular.

    Source: Golub and Van Loan, *Matrix Computations*, 4th edition, section 3.4.
    """
    size = len(matrix)
    rows = np.column_stack([matrix, right])
    for column in range(size):
        pivot = column + int(np.abs(rows[column:, column]).argmax())
        if rows[pivot, column] == 0:
            raise ValueError("the system has no single solution: its matrix is singular")
        rows[[column, pivot]] = rows[[pivot, column]]
        factor = rows[column + 1 :, column] / rows[column, column]
        rows[column + 1 :] -= factor[:, None] * rows[column]
    solution = np.zeros(size)
    for row in reversed(range(size)):
        known = math.fsum(rows[row, row + 1 : size] * solution[row + 1 :])
        solution[row] = (rows[row, size] - known) / rows[row, row]
    return solution


def action_values(mdp: FiniteMDP, value: np.ndarray, discount: float) -> np.ndarray:
    """Q(s, a) = Σ_s' T(s, a, s') (R(s, a, s') + γ V(s')), float64; -inf where a is not possible."""
    ahead = exact_sum(mdp.transition * (mdp.reward + discount * value), 2)
    return np.where(mdp.possible, ahead, -np.inf)


def solve(mdp: FiniteMDP, discount: float) -> np.ndarray:
    """The optimal action values, by policy iteration with exact evaluation: no sweeps, no limit.

    They are Q*, float64 `[states, actions]`, -inf where an action is not possible; the discount is
    below 1.

    Source: Howard 1960; Sutton & Barto 2018, section 4.3.
    """
    policy = mdp.possible.argmax(-1)
    while True:
        values = action_values(mdp, exact_value(mdp, policy, discount), discount)
        best = np.where(mdp.terminal, 0.0, values.max(-1))
        kept = np.take_along_axis(values, policy[:, None], -1)[:, 0]
        kept = np.where(mdp.terminal, 0.0, kept)
        # What is better by rounding alone would have the policy go round in circles.
        better = best > kept + 1e-10 * (1 + np.abs(kept))
        if not better.any():
            return values
        policy = np.where(better, values.argmax(-1), policy)


def known_figures(mdp: FiniteMDP, q_value: np.ndarray, discount: float) -> dict[str, float]:
    """Figures of action values against the exact ones, in closed form.

    The estimate is float `[states, actions]`; the discount is below 1.

    Returns:
        `start_value`, of the greedy policy from where episodes start, in closed form;
        `best_start_value`, of the best policy; `largest_error` of an action value; and each value
        by name (`q_s0_a1`) where there are no more than 20.
    """
    best = solve(mdp, discount)
    greedy = np.where(mdp.possible, q_value, -np.inf).argmax(-1)
    value = exact_value(mdp, greedy, discount)
    best_value = exact_value(mdp, best.argmax(-1), discount)
    figures = {
        "start_value": math.fsum(mdp.start * value),
        "best_start_value": math.fsum(mdp.start * best_value),
        "largest_error": float(np.abs(q_value[mdp.possible] - best[mdp.possible]).max()),
    }
    if mdp.possible.sum() <= 20:
        figures |= {
            f"q_s{state}_a{action}": float(q_value[state, action])
            for state, action in np.argwhere(mdp.possible)
        }
    return figures
