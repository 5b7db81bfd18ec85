"""A plain handler in Flask: one jitted call a request, behind waitress; the model is Encore's."""

from __future__ import annotations

import logging
import sys
import time
from importlib.metadata import version
from typing import Any


def main() -> None:
    """Serve until the standard input ends."""
    from flask import Flask, jsonify, request
    from waitress import create_server

    from benchmarks.peers.encore_serving import announce, open_model

    predictor, state = open_model(sys.argv[1])
    began = time.perf_counter()

    import jax
    import numpy as np

    apply = jax.jit(predictor.apply)

    def predict(inputs: Any) -> dict[str, Any]:
        arrays = {
            name: np.asarray(inputs[name], one.dtype) for name, one in predictor.examples.items()
        }
        return {name: out.tolist() for name, out in jax.device_get(apply(state, arrays)).items()}

    predict({name: np.zeros(one.shape, one.dtype) for name, one in predictor.examples.items()})
    # It writes a line for every request that waits.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    application = Flask("plain")

    @application.post("/predict")
    def answer() -> Any:
        return jsonify(outputs=predict(request.get_json()["inputs"]))

    server = create_server(application, host="127.0.0.1", port=0, threads=int(sys.argv[2]))
    announce(
        f"Flask {version('flask')}, waitress {version('waitress')}", server.effective_port, began
    )
    server.run()


if __name__ == "__main__":
    main()
