"""Examples per second of a named experiment in the engine's own loop, resident or streamed.

By the wall clock, from the loop's own progress: what the loop waits for its data is in it. The
state after so many steps does not depend on how they were fed; each answer says what memory the
process has needed at most, with everything that was loaded and compiled.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any

from research.engine.environment import settle_environment


def main() -> None:
    """Serve rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="a named experiment")
    parser.add_argument("--data", choices=["resident", "streamed"], required=True)
    parser.add_argument("--seconds", type=float, default=4.0, help="about the length of a round")
    options = parser.parse_args()
    settle_environment()

    import jax

    from benchmarks.launched import RAMP_SECONDS, timed
    from benchmarks.peers.serving import serve_rounds
    from research.engine.finish import peak_memory_bytes
    from research.options.assembly import Delivery, open_experiment
    from research.options.catalog import ROOT, catalog, load, resolve

    named = load(resolve(options.name, catalog()))
    with (
        open_experiment(
            named, dataclasses.replace(named.config, epochs=10**4), Delivery(options.data), ROOT
        ) as ready,
        tempfile.TemporaryDirectory() as kept,
    ):
        directory = Path(kept) / "run"
        began = time.perf_counter()
        timed(ready.program, directory, ready.surroundings, 1)
        first = time.perf_counter() - began
        watch = timed(ready.program, directory, ready.surroundings, 20)
        took = watch.reached[-1][1] - watch.reached[0][1]
        # Enough for a first guess of the rate that outlasts the ramp.
        until = 20 + max(20, round(19 / took * (RAMP_SECONDS + 1.5)))
        watch = timed(ready.program, directory, ready.surroundings, until)
        steps = round(watch.steps_per_second() * (options.seconds + RAMP_SECONDS))

        def one_round() -> dict[str, Any]:
            nonlocal until
            until += steps
            watch = timed(ready.program, directory, ready.surroundings, until)
            rate = watch.steps_per_second() * ready.experiment.items_per_step
            return {"rate": rate, "peak_memory_bytes": peak_memory_bytes()}

        serve_rounds(f"Encore, JAX {jax.__version__}", first, one_round)


if __name__ == "__main__":
    main()
