"""Items per second of a named experiment in the compiled loop: one seed, many, or a population.

`--members N` trains N seeds: by a population of `--width` and `--devices`, or, with width 0, by
the program of one seed, one seed after the other. The program of a single seed on one device runs
on one core or all, as a launched run finds out before it goes on (here before the first round);
`--all-cores` is for all.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import time
from typing import Any

from research.engine import environment


def main() -> None:
    """Serve rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="a named experiment")
    parser.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE", help="its config")
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--width", type=int, default=0)
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument(
        "--pool", type=int, help="threads of XLA's pool, instead of Encore's constant"
    )
    parser.add_argument("--all-cores", action="store_true", help="do not try one alone")
    parser.add_argument("--seconds", type=float, default=2.0, help="about the length of a round")
    options = parser.parse_args()
    if options.pool:
        environment.POOL_SIZE = options.pool
    environment.settle_environment()
    environment.fix_devices(options.devices)

    import jax

    from benchmarks.peers.serving import serve
    from research.data.feed import open_feed
    from research.engine.cores import Cores
    from research.engine.leaves import Reader
    from research.engine.loop import Stepper
    from research.engine.population import Population, Seeded
    from research.engine.program import Program
    from research.options.catalog import catalog, load, resolve

    named = load(resolve(options.name, catalog()))
    pairs = [pair.partition("=") for pair in options.set]
    config = dataclasses.replace(
        named.config, **{name: ast.literal_eval(value) for name, _, value in pairs}
    )
    experiment = named.make(config)
    feed = open_feed(experiment.data, "resident")
    members = options.members
    programs: list[Program]
    carries: list[Any]
    if options.width:
        seeded = [Seeded(k, experiment.hyperparameters) for k in range(members)]
        used = jax.devices()[: options.devices]
        population = Population(experiment, feed, seeded, options.width, used)
        programs, carries = [population], [population.initial(0)]
    else:
        solo = Program(experiment, feed)
        programs, carries = [solo] * members, [solo.initial(seed) for seed in range(members)]
    # An experiment whose state holds all has one window as well.
    arrays = next(iter(programs[0].windows(0, 0, 1))).arrays
    alone = members == 1 and programs[0].on_one_cpu
    wanted = None if alone and not options.all_cores else 10**6
    done, noted = 0, ""

    def note(text: str) -> None:
        nonlocal noted
        noted = f" ({text.partition(':')[0]})"

    with Cores(wanted, note, one_device=alone) as cores:
        steppers = [Stepper(program, Reader(), cores, 0.25) for program in programs]

        def run(steps: int) -> None:
            nonlocal done
            stop = done + steps
            for k, stepper in enumerate(steppers):
                carries[k], _ = stepper.make(
                    carries[k], arrays, done, stop, 10**9, fresh=True, halt=False
                )
            done = stop

        began = time.perf_counter()
        run(1)
        first = time.perf_counter() - began
        while cores.measuring:
            run(steppers[0].chunk)
        what = f"Encore, JAX {jax.__version__}{noted}"
        serve(what, run, members * experiment.items_per_step, options.seconds, first)


if __name__ == "__main__":
    main()
