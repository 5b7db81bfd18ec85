"""PPO on CartPole-v1 against rejax and a plain one; seeds over the machine's cores.

    python -m benchmarks.ppo --rejax-python REJAX/bin/python

4 environments x 128 steps, 4 epochs, 4 minibatches of 128, 64-64 tanh, evaluation off; `wide` has
64 environments and minibatches of 2,048. REJAX is an environment with rejax 0.1.3 and gymnax 0.0.9
(`pip install rejax==0.1.3 gymnax==0.0.9`). Each worker is a process of its own, asked for rounds in
turn; ratios are made round by round. Compilation is timed apart. Leave the machine alone while it
runs.
"""

from __future__ import annotations

import argparse

from benchmarks.rivals import arguments, encore, head, peer, plain, rows
from benchmarks.table import machine, table
from benchmarks.worker import Worker, interleave

NAME = "rl/cartpole_ppo"
QUESTIONS = ("one", "wide", "seeds")


def settings(environments: int) -> dict[str, object]:
    """Encore's, as every peer's."""
    return {"environments": environments, "rollout_steps": 128, "epochs": 4,
            "minibatch_size": 32 * environments, "environment_steps": 10**9}  # fmt: skip


def show(title: str, workers: list[Worker], against: Worker, goals: dict[str, float],
         options: argparse.Namespace) -> None:  # fmt: skip
    """Measure in turn and print a table."""
    print(f"\n{title}, {options.rounds} rounds of about {options.seconds:g} s, in turn\n")
    interleave(workers, options.rounds)
    print(table(head(against.name), rows(workers, against, goals)), flush=True)


def one_seed(environments: int, goals: tuple[float, float], options: argparse.Namespace) -> None:
    """One seed of each; goals against rejax and against the plain one."""
    seconds, own = options.seconds, settings(environments)
    sizes = ["--environments", environments, "--seconds", seconds]

    def rejax(title: str, pool: int = 0) -> Worker:
        return peer(title, options.rejax_python, "rejax_program.py", *sizes, pool=pool)

    yardstick, against = plain("plain PPO", *sizes), rejax("rejax")
    workers = [
        encore("Encore", NAME, own, seconds),
        against,
        yardstick,
        rejax("rejax, pool of 8", 8),
        encore("Encore, all cores", NAME, own, seconds, all_cores=True),
        encore("Encore, pool of 1", NAME, own, seconds, pool=1),
    ]
    show(f"One seed, {environments} environments", workers, against, {"Encore": goals[0]}, options)
    print(table(head("plain PPO"), rows(workers[:1], yardstick, {"Encore": goals[1]})), flush=True)


def many_seeds(members: int, options: argparse.Namespace) -> None:
    """A population over the cores, and in one program."""
    seconds, own = options.seconds, settings(4)

    def population(title: str, width: int, devices: int) -> Worker:
        return encore(title, NAME, own, seconds, members=members, width=width, devices=devices)

    vmapped = population("vmapped on one device", members, 1)
    sizes = ["--members", members, "--seconds", seconds]
    workers = [
        population("width 1, two devices", 1, 2),
        population("width 4, two devices", 4, 2),
        population("width 1, one device", 1, 1),
        vmapped,
        peer("rejax, vmapped", options.rejax_python, "rejax_program.py", *sizes),
        plain("plain PPO, vmapped", *sizes),
    ]
    goals = {"width 1, two devices": 1.8, "width 4, two devices": 1.8}
    show(f"{members} seeds", workers, vmapped, goals, options)


def main() -> None:
    """Measure and print a table a question."""
    options = arguments(__doc__, QUESTIONS)
    print(machine())
    if "one" in options.only:
        one_seed(4, (1.25, 0.95), options)
    if "wide" in options.only:
        one_seed(64, (1.3, 0.0), options)
    if "seeds" in options.only:
        for members in (8, 32):
            many_seeds(members, options)


if __name__ == "__main__":
    main()
