"""Encore's service of a named experiment, untrained: what it answers takes the same time."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

from research.engine import environment


def open_model(name: str) -> tuple[Any, Any]:
    """What a named experiment predicts with, and its state before the first update."""
    import jax

    from research.engine.experiment import traced
    from research.options.catalog import catalog, load, resolve

    named = load(resolve(name, catalog()))
    experiment = named.make(named.config)
    state = jax.jit(experiment.init)(jax.random.key(0), traced(experiment.hyperparameters))
    return experiment.offers["predict"], state


def announce(what: str, port: int, began: float) -> None:
    """Say that the server is ready, and end it when the standard input ends."""
    ready = {"ready": what, "port": port, "first_seconds": time.perf_counter() - began}
    print(json.dumps(ready), flush=True)

    def leave() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=leave, daemon=True).start()


def main() -> None:
    """Serve until the standard input ends."""
    environment.settle_environment()
    predictor, state = open_model(sys.argv[1])
    began = time.perf_counter()

    import jax

    from research.serving.running import bind, make_server
    from research.serving.service import Limits, Model, Service

    model = Model(sys.argv[1], {"step": 0}, predictor, state)
    service = Service(model, Limits())
    with bind("127.0.0.1", 0) as bound:
        bound.listen()
        announce(f"JAX {jax.__version__}", bound.getsockname()[1], began)
        make_server(service, 30).run(sockets=[bound])


if __name__ == "__main__":
    main()
