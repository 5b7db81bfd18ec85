"""What the engine's loop costs: against a hand-written jitted loop, and with saves of 100 MB.

    python -m benchmarks.loop

First table: `research.engine.run.launch`, with a report every 100 steps and a save every 10 s,
against one call of a jitted `fori_loop` of the same update on the same data, which reports nothing,
keeps no sums, looks at no loss and saves nothing. Second table: the same engine on a state of
100 MB, with a save every 10 s and without. Both sides take turns in one process; ratios are made
round by round. Compilation is not timed. Leave the machine alone while it runs.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from benchmarks.launched import timed
from benchmarks.spread import median_and_range, ratios, verdict
from benchmarks.table import machine, table
from research.data.feed import open_feed
from research.engine import keys
from research.engine.environment import settle_environment
from research.engine.experiment import Batch, Experiment, Feed, Hyperparameters, Key
from research.engine.fingerprint import fingerprint
from research.engine.metrics import Metrics, mean
from research.engine.opening import Surroundings
from research.engine.program import Program
from research.options.assembly import Delivery, open_experiment
from research.options.catalog import ROOT, catalog, load, resolve

REPORT_EVERY = 100
SAVE_SECONDS = 10.0
LONG = {"sequence/sine_rnn": {"steps": 10**7}, "vision/mnist_mlp": {"epochs": 10**4},
        "rl/cartpole_ppo": {"environment_steps": 10**9},
        "vision/digits_cnn": {"epochs": 10**4}}  # fmt: skip
"""Configs of runs that do not end while they are timed."""


def hand_written(experiment: Experiment, feed: Feed, seed: int) -> Callable[[int], None]:
    """A jitted loop of the experiment's update, as one writes it by hand; makes so many steps."""

    @partial(jax.jit, donate_argnums=0)
    def loop(state: Any, arrays: Any, start: jax.Array, stop: jax.Array) -> Any:
        key = keys.stream(jnp.uint32(seed), "update")

        def body(step: jax.Array, state: Any) -> Any:
            batch = feed.batch(arrays, jnp.uint32(seed), step)
            return experiment.update(state, batch, jax.random.fold_in(key, step))[0]

        return jax.lax.fori_loop(start, stop, body, state)

    arrays = next(iter(feed.windows(seed, 0, 1))).arrays
    hyperparameters = {name: jnp.float32(v) for name, v in experiment.hyperparameters.items()}
    init = jax.jit(experiment.init)
    state = init(keys.stream(jnp.uint32(seed), "init"), hyperparameters)
    done = 0

    def run(steps: int) -> None:
        nonlocal state, done
        state = jax.block_until_ready(loop(state, arrays, jnp.int32(done), jnp.int32(done + steps)))
        done += steps

    return run


def steps_per_second(run: Callable[[int], None], steps: int) -> float:
    """The rate of so many steps of a hand-written loop."""
    began = time.perf_counter()
    run(steps)
    return steps / (time.perf_counter() - began)


class Big(NamedTuple):
    """A state of about 100 MB: parameters and momentum of equal size."""

    kernels: jax.Array
    momentum: jax.Array


def big_experiment(layers: int = 12, width: int = 1024, batch: int = 32) -> Experiment:
    """A deep net on made-up data whose parameters and momentum are 100 MB of float32."""

    def init(key: Key, hyperparameters: Hyperparameters) -> Big:
        del hyperparameters
        kernels = jax.random.normal(key, (layers, width, width)) / width**0.5
        return Big(kernels, jnp.zeros_like(kernels))

    def update(state: Big, fed: Batch, key: Key) -> tuple[Big, Metrics]:
        del fed

        def loss(kernels: jax.Array) -> jax.Array:
            x = jax.random.normal(key, (batch, width))
            for layer in range(layers):
                x = jnp.tanh(x @ kernels[layer])
            return jnp.mean(jnp.square(x))

        value, gradient = jax.value_and_grad(loss)(state.kernels)
        momentum = 0.9 * state.momentum + gradient
        return Big(state.kernels - 1e-3 * momentum, momentum), {"loss": mean(value)}

    def evaluate(state: Big, fed: Batch, key: Key) -> Metrics:
        return {}

    return Experiment(init, update, evaluate, 10**9, batch, "examples", {}, watched=(), final=())


def compare_loops(name: str, rounds: int, seconds: float, place: Path) -> list[str]:
    """The first table's line for one experiment."""
    named = load(resolve(name, catalog()))
    config = dataclasses.replace(named.config, **LONG[named.name])
    with open_experiment(named, config, Delivery("resident"), ROOT) as ready:
        program = ready.program
        by_hand = hand_written(ready.experiment, program.feed, 0)
        began = time.perf_counter()
        by_hand(1)
        first = time.perf_counter() - began
        by_hand(20)
        # Calibrated twice, for the first guess of a slow start is a bad one.
        count = max(1, round(0.5 * steps_per_second(by_hand, 20)))
        count = max(1, round(seconds * steps_per_second(by_hand, count)))
        engine: list[float] = []
        loop: list[float] = []
        saves = 0
        for number in range(-1, rounds):
            directory = place / f"{number}"
            sides: list[Callable[[], None]] = []

            def of_engine(directory: Path = directory) -> None:
                nonlocal saves
                watch = timed(
                    program,
                    directory,
                    ready.surroundings,
                    count,
                    report_every=REPORT_EVERY,
                    save_seconds=SAVE_SECONDS,
                )
                saves += len(watch.saved_at) - 2
                engine.append(watch.steps_per_second())

            if number < 0:
                # Compiles the engine's loop, unless the round before has done so.
                timed(program, directory, ready.surroundings, max(2, count // 20))
                shutil.rmtree(directory)
                saves = 0
                continue
            sides = [of_engine, lambda: loop.append(steps_per_second(by_hand, count))]
            for side in sides if number % 2 else reversed(sides):
                side()
            shutil.rmtree(directory)
    slower = [100 * (1 / ratio - 1) for ratio in ratios(engine, loop)]
    return [
        named.name,
        median_and_range([1000 / rate for rate in loop]),
        median_and_range(slower, 2),
        f"≤ 3 %: {verdict(slower, 3, at_most=True)}",
        f"{saves / rounds:.1f}",
        f"{program.compile_seconds:.1f} / {first:.1f}",
    ]


def compare_saving(rounds: int, seconds: float, place: Path) -> list[list[str]]:
    """The second table's line."""
    experiment = big_experiment()
    program = Program(experiment, open_feed(None, "resident"))
    surroundings = Surroundings(fingerprint(), {}, {})
    state_bytes = sum(
        leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(program.shapes.state)
    )
    timed(program, place / "first", surroundings, 20)
    again = timed(program, place / "first", surroundings, 120)
    shutil.rmtree(place / "first")
    count = max(2, round(seconds * again.steps_per_second()))
    rates: dict[bool, list[float]] = {True: [], False: []}
    saves = 0
    for number in range(rounds):
        for saving in (True, False) if number % 2 else (False, True):
            directory = place / f"{number}-{saving}"
            every = SAVE_SECONDS if saving else float("inf")
            watch = timed(program, directory, surroundings, count, save_seconds=every)
            rates[saving].append(watch.steps_per_second())
            saves += saving * (len(watch.saved_at) - 2)
            shutil.rmtree(directory)
    lost = [100 * (1 - ratio) for ratio in ratios(rates[True], rates[False])]
    return [
        [
            f"{state_bytes / 1e6:.0f} MB",
            median_and_range([1000 / rate for rate in rates[False]]),
            f"{saves / rounds:.1f}",
            median_and_range(lost, 2),
            f"≤ 3 %: {verdict(lost, 3, at_most=True)}",
            f"{seconds * sum(lost) / 100 / max(1, saves):.2f}",
        ]
    ]


def main() -> None:
    """Measure and print two tables."""
    settle_environment()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--names", nargs="*", choices=LONG, metavar="NAME",
                        default=["sequence/sine_rnn", "vision/mnist_mlp"])  # fmt: skip
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=12.0, help="about the length of a round")
    parser.add_argument("--saving-rounds", type=int, default=4, help="0 leaves saving out")
    parser.add_argument("--saving-seconds", type=float, default=22.0)
    parser.add_argument("--directory", help="where runs are kept meanwhile [a temporary one]")
    options = parser.parse_args()
    print(machine(), flush=True)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with tempfile.TemporaryDirectory(dir=options.directory) as kept:
        place = Path(kept)
        if options.names:
            print(f"\n{options.rounds} rounds of about {options.seconds:g} s on each side\n")
            head = ["experiment", "ms a step by hand", "engine slower by, %", "goal",
                    "saves a round", "compilation, engine / by hand, s"]  # fmt: skip
            lines = [
                compare_loops(name, options.rounds, options.seconds, place / name)
                for name in options.names
            ]
            print(table(head, lines), flush=True)
        if options.saving_rounds:
            print(f"\n{options.saving_rounds} rounds of about {options.saving_seconds:g} s\n")
            head = ["state", "ms a step without saves", "saves a round", "time lost, %", "goal",
                    "seconds lost a save"]  # fmt: skip
            saving = compare_saving(options.saving_rounds, options.saving_seconds, place / "big")
            print(table(head, saving))


if __name__ == "__main__":
    main()
