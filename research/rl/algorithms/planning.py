"""Planning with a known model: the answer by sweeps over all states, without acting.

Each method is one sweep as a pure function of arrays. Their fixed points are the Bellman equations
of a policy, and of the best one (Bellman 1957; Sutton & Barto 2018, chapter 4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Literal, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np

from research.engine.artifacts import Artifact, Lines
from research.engine.experiment import Batch, Evaluation, Experiment, Hyperparameters, Key
from research.engine.metrics import Metrics, maximum
from research.options.config import Config
from research.options.ranges import AMOUNT, COUNT, FRACTION
from research.rl.distributions import Categorical
from research.rl.environments.finite import FiniteMDP, exact_sum, exact_value, known_figures, solve
from research.rl.environments.registered import FINITE, make_environment, unfit
from research.rl.policy import reactive
from research.rl.predicting import offer_agent

IMPOSSIBLE = -jnp.inf
"""The value of an action that is not possible: no maximum is ever there."""
Method = Literal["q_value_iteration", "value_iteration", "policy_iteration", "policy_evaluation"]


@dataclass(frozen=True)
class Planning(Config):
    """Options of planning."""

    environment: Annotated[str, "a process whose model is known"] = "ThreeStates-finite"
    method: Annotated[Method, "what a sweep does"] = "q_value_iteration"
    sweeps: Annotated[
        int, "sweeps over all states; one of value_iteration is two backups", AMOUNT
    ] = 50
    evaluation_sweeps: Annotated[
        int, "of policy iteration: sweeps before each improvement", COUNT
    ] = 10
    discount: Annotated[float, "weight of the next state's value", FRACTION] = 0.9

    @property
    def headline(self) -> str:
        """The policy's value; of three states the value that the book prints."""
        return "q_s0_a0" if self.environment.startswith("ThreeStates") else "start_value"

    def problems(self) -> list[str]:
        """A process whose model is not known."""
        return unfit(self.environment, known=True)

    def smoke(self) -> Self:
        """Ten sweeps."""
        return replace(self, sweeps=10, evaluation_sweeps=2)

    def make(self) -> Experiment:
        """The chosen method on the chosen process."""
        sweeps: dict[Method, tuple[Sweep, int]] = {
            "q_value_iteration": (q_value_iteration, 1),
            "value_iteration": (value_sweep, 2),
            "policy_iteration": (
                make_policy_iteration(self.evaluation_sweeps), self.evaluation_sweeps
            ),
            "policy_evaluation": (policy_evaluation, 1),
        }  # fmt: skip
        sweep, backups = sweeps[self.method]
        planned = make_planner(FINITE[self.environment]().mdp, sweep, self.sweeps, backups)
        agent = reactive(make_environment(self.environment), follow)
        return planned._replace(offers=offer_agent(agent))


class Model(NamedTuple):
    """A `FiniteMDP` on the device.

    Attributes:
        transition: float32 `[states, actions, states]`.
        reward: float32 `[states, actions]`, expected: Σ_s' T(s, a, s') R(s, a, s').
        possible: bool `[states, actions]`.
        terminal: bool `[states]`.
    """

    transition: jax.Array
    reward: jax.Array
    possible: jax.Array
    terminal: jax.Array


class Plan(NamedTuple):
    """The estimate so far.

    Attributes:
        q_value: float32 `[states, actions]`; -inf where an action is not possible.
        policy: int32 `[states]`.
    """

    q_value: jax.Array
    policy: jax.Array
    hyperparameters: Hyperparameters


def follow(plan: Plan, observations: jax.Array) -> Categorical:
    """The policy of a plan in states int32 `[...]`, which leaves nothing to chance."""
    actions = plan.q_value.shape[-1]
    return Categorical(jnp.log(jax.nn.one_hot(plan.policy[observations], actions)))


Sweep = Callable[[Model, Plan, jax.Array], Plan]
"""(model, plan, discount) -> the plan after one sweep."""


def make_model(mdp: FiniteMDP) -> Model:
    """The process on the device, float32."""
    return Model(
        jnp.asarray(mdp.transition, jnp.float32),
        jnp.asarray(exact_sum(mdp.transition * mdp.reward, 2), jnp.float32),
        jnp.asarray(mdp.possible),
        jnp.asarray(mdp.terminal),
    )


def backup(model: Model, value: jax.Array, discount: jax.Array | float) -> jax.Array:
    """Q(s, a) = Σ_s' T(s, a, s') (R(s, a, s') + γ V(s')), float32 `[states, actions]`."""
    ahead = jnp.einsum("sat,t->sa", model.transition, value, precision="highest")
    return jnp.where(model.possible, model.reward + discount * ahead, IMPOSSIBLE)


def greedy_value(model: Model, q_value: jax.Array) -> jax.Array:
    """V(s) = max_a Q(s, a), float32 `[states]`; 0 where the process has ended."""
    return jnp.where(model.terminal, 0.0, jnp.max(q_value, axis=-1))


def policy_value(model: Model, plan: Plan) -> jax.Array:
    """V(s) = Q(s, π(s)), float32 `[states]`; 0 where the process has ended."""
    chosen = jnp.take_along_axis(plan.q_value, plan.policy[:, None], axis=-1)[:, 0]
    return jnp.where(model.terminal, 0.0, chosen)


def greedy_policy(q_value: jax.Array) -> jax.Array:
    """π(s) = argmax_a Q(s, a), the first of equals, int32 `[states]`."""
    return jnp.argmax(q_value, axis=-1).astype(jnp.int32)


def policy_evaluation(model: Model, plan: Plan, discount: jax.Array) -> Plan:
    """One sweep of V(s) ← Σ_s' T(s, π(s), s') (R(s, π(s), s') + γ V(s')); the policy stays.

    Source: Sutton & Barto 2018, eq. 4.5.
    """
    return plan._replace(q_value=backup(model, policy_value(model, plan), discount))


def q_value_iteration(model: Model, plan: Plan, discount: jax.Array) -> Plan:
    """One sweep of Q(s, a) ← Σ_s' T(s, a, s') (R(s, a, s') + γ max_a' Q(s', a')).

    Source: Géron, *Hands-On Machine Learning*, 2nd edition, eq. 18-3.
    """
    q_value = backup(model, greedy_value(model, plan.q_value), discount)
    return plan._replace(q_value=q_value, policy=greedy_policy(q_value))


def make_policy_iteration(sweeps: int) -> Sweep:
    """Policy iteration: `sweeps` of evaluation, then the policy becomes greedy.

    Source: Howard 1960; Puterman & Shin 1978 for a bounded number of sweeps.
    """

    def iterate(model: Model, plan: Plan, discount: jax.Array) -> Plan:
        def evaluate(_: jax.Array, plan: Plan) -> Plan:
            return policy_evaluation(model, plan, discount)

        plan = jax.lax.fori_loop(0, sweeps, evaluate, plan)
        return plan._replace(policy=greedy_policy(plan.q_value))

    return iterate


def value_iteration(model: Model, value: jax.Array, discount: jax.Array) -> jax.Array:
    """One sweep of V(s) ← max_a Σ_s' T(s, a, s') (R(s, a, s') + γ V(s')), float32 `[states]`.

    The values are those of `q_value_iteration`, which keeps them for each action as well.

    Source: Sutton & Barto 2018, eq. 4.10.
    """
    return greedy_value(model, backup(model, value, discount))


def value_sweep(model: Model, plan: Plan, discount: jax.Array) -> Plan:
    """Two backups: V(s) by `value_iteration`, then Q(s, a) of that V.

    What is kept between sweeps is V alone, as value iteration has it; the Q that makes a policy
    of it is one backup further. So n of these are 2 n of `q_value_iteration`.
    """
    value = value_iteration(model, greedy_value(model, plan.q_value), discount)
    q_value = backup(model, value, discount)
    return Plan(q_value, greedy_policy(q_value), plan.hyperparameters)


def starting_plan(model: Model, hyperparameters: Hyperparameters) -> Plan:
    """All values 0, and in each state the first action that is possible."""
    q_value = jnp.where(model.possible, 0.0, IMPOSSIBLE)
    return Plan(q_value, greedy_policy(model.possible.astype(jnp.float32)), hyperparameters)


def make_planner(mdp: FiniteMDP, sweep: Sweep, sweeps: int, backups: int = 1) -> Experiment:
    """Planning as an experiment: one update is one of `sweeps` over all states and actions.

    `backups` is how often a sweep backs up each action of each state.
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

    def judge(plan: Plan, evaluation: Evaluation, key: Key) -> dict[str, float]:
        del evaluation, key
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
        evaluate_every=max(1, sweeps // 10),
        watched=("evaluation",),
        final=("evaluation",),
        judge=judge,
        artifacts=artifacts,
    )


def compare_values(mdp: FiniteMDP, q_value: np.ndarray, discount: float) -> Lines:
    """Estimated and exact values of the best action in each state that does not end an episode.

    The estimate is float `[states, actions]`; the discount is below 1.
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
        ("estimated", "of the greedy policy", "of the best policy"),
        "state",
        note=f"Discount {discount:g}; the last two in closed form.",
    )
