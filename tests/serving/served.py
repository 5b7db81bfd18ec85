"""Small models, and services of them in threads, asked by a plain HTTP client."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import uvicorn

from research.prediction import Actions, Classes, Kind, Own, Predictor, Values
from research.serving.running import bind, make_server
from research.serving.service import Limits, Model, Service

NOTHING: dict[str, jax.ShapeDtypeStruct] = {}


class Answer(NamedTuple):
    """One answer; `content` is what its JSON says, or its text."""

    status: int
    content: Any
    headers: http.client.HTTPMessage


class Client(NamedTuple):
    """A service that runs, for one that asks it."""

    port: int
    service: Service
    server: uvicorn.Server

    def ask(
        self,
        path: str,
        body: Any = None,
        method: str = "",
        media: str = "application/json",
        **headers: str,
    ) -> Answer:
        """GET a path, or POST a body, which is made JSON where it is not bytes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            given = {"Content-Type": media} if raw is not None and media else {}
            way = method or ("GET" if raw is None else "POST")
            connection.request(way, path, raw, {**given, **headers})
            response = connection.getresponse()
            text = response.read().decode()
            plain = response.headers["Content-Type"] != "application/json"
            content = text if plain or not text else json.loads(text)
            return Answer(response.status, content, response.headers)
        finally:
            connection.close()

    def wait_for_queue(self, length: int) -> None:
        """Wait until so many requests wait to be computed."""
        deadline = time.monotonic() + 60
        while f"encore_queue_length {length}.0" not in self.ask("/metrics").content:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def predict(self, inputs: Any, **more: Any) -> Answer:
        """Ask for what these inputs become."""
        return self.ask("/predict", {"inputs": inputs, **more})


@contextlib.contextmanager
def serving(predictor: Predictor, state: Any, limits: Limits | None = None) -> Iterator[Client]:
    """A service of a model in a thread, for as long as the context lasts."""
    facts = {"experiment": "test/model", "step": 7}
    service = Service(Model("test/model, seed 0", facts, predictor, state), limits or Limits())
    with bind("127.0.0.1", 0) as bound:
        server = make_server(service, 5)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        port = bound.getsockname()[1]
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                thread.join(0.01)
            yield Client(port, service, server)
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


def predictor_of(
    apply: Any,
    examples: Mapping[str, jax.ShapeDtypeStruct],
    kind: Kind,
    carried: Mapping[str, jax.ShapeDtypeStruct] = NOTHING,
) -> Predictor:
    """A predictor that is asked by nothing but a service."""

    def read(word: str) -> Own:
        raise AssertionError("a service reads no words")

    return Predictor(apply, examples, kind, None, read, "", carried)


def forecaster(width: int = 3) -> tuple[Predictor, Any]:
    """A net of two layers that forecasts two values, and its state."""

    def apply(state: Any, inputs: Any) -> dict[str, jax.Array]:
        return {"mean": jnp.tanh(inputs["x"] @ state["first"]) @ state["last"]}

    rng = np.random.default_rng(0)
    state = {
        "first": jnp.asarray(rng.normal(size=(width, 40)), jnp.float32),
        "last": jnp.asarray(rng.normal(size=(40, 2)), jnp.float32),
    }
    examples = {"x": jax.ShapeDtypeStruct((1, width), jnp.float32)}
    return predictor_of(apply, examples, Values("level", 1)), state


def classifier() -> tuple[Predictor, Any]:
    """Two pixels, the larger of which is the class, and its state."""

    def apply(state: Any, inputs: Any) -> dict[str, jax.Array]:
        return {"probability": jax.nn.softmax(inputs["image"].astype(jnp.float32) * state)}

    examples = {"image": jax.ShapeDtypeStruct((1, 2), jnp.uint8)}
    return predictor_of(apply, examples, Classes(lambda: ("left", "right"))), jnp.float32(0.1)


def policy() -> tuple[Predictor, Any]:
    """A policy whose memory is the sum of what it has met, and its state."""

    def apply(state: Any, inputs: Any) -> dict[str, jax.Array]:
        memory = inputs["memory"] + inputs["observation"] * state
        return {"action": (memory[:, 0] > 1).astype(jnp.int32), "memory": memory}

    shape = jax.ShapeDtypeStruct((1, 1), jnp.float32)
    examples = {"observation": shape, "memory": shape}
    kind = Actions("Sum", ("wait", "go"))
    return predictor_of(apply, examples, kind, {"memory": shape}), jnp.float32(1)
