"""The service of one model: its pages, its predictions, one clear answer to each bad request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import jax
import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from research.prediction import ROWS, Predictor, by_rows
from research.serving.answers import make_reader
from research.serving.batching import Batcher
from research.serving.bodies import STATUS, Refused, read_rows, write_json, write_outputs
from research.serving.figures import Figures
from research.serving.pages import About, describe, write_docs, write_example, write_index

JSON = "application/json"
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_PAGE = {
    # The pages are whole by themselves: nothing is loaded, and requests go to this service only.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}


class Model(NamedTuple):
    """What is served.

    Attributes:
        name: what a person calls it: `vision/digits_cnn, seed 0`.
        facts: what it is, in JSON values.
        predictor: that the experiment offers.
        state: of the experiment, on the device.
    """

    name: str
    facts: dict[str, Any]
    predictor: Predictor
    state: Any


class Limits(NamedTuple):
    """What a service takes.

    Attributes:
        body: bytes of a request's body.
        rows: of a request.
        queue: requests that wait to be computed.
        seconds: until a request is answered, from its headers on.
        wait: seconds that a block which is not full gives others to come.
    """

    body: int = 1 << 20
    rows: int = 256
    queue: int = 1024
    seconds: float = 30.0
    wait: float = 0.002


class Service:
    """One model behind HTTP; `application` is what a server runs."""

    def __init__(self, model: Model, limits: Limits) -> None:
        """Compile the model's program, and begin to answer when the application starts.

        Raises:
            Mistake: the names of its classes are the data set's own, and it is not prepared.
        """
        self._model, self._limits = model, limits
        self._read = make_reader(model.predictor.outputs)
        self._predict = by_rows(model.predictor)
        # Compiled here: the first request is to be answered as fast as the next one.
        outputs = self._compute(
            {
                name: np.zeros((1, *one.shape[1:]), one.dtype)
                for name, one in model.predictor.examples.items()
            }
        )
        shapes = {name: jax.ShapeDtypeStruct(out.shape, out.dtype) for name, out in outputs.items()}
        answers = bool(self._read(outputs))
        about = About(model.name, model.facts, model.predictor, shapes, answers)
        self._description = describe(about, limits.rows)
        self._about, self._example = about, write_example(model.predictor)
        self._batcher: Batcher | None = None
        self.figures = Figures(lambda: 0 if self._batcher is None else len(self._batcher))
        self.application = Starlette(
            routes=[
                Route("/", self._index),
                Route("/predict", self._answer, methods=["POST"]),
                Route("/example", self._show_example),
                Route("/docs", self._docs),
                Route("/openapi.json", self._openapi),
                Route("/health", self._health),
                Route("/metrics", self._metrics),
            ],
            exception_handlers={HTTPException: self._refuse_path, Exception: self._fail},
            lifespan=self._living,
        )

    def _compute(self, arrays: Any) -> dict[str, np.ndarray]:
        return self._predict(self._model.state, arrays)

    @contextlib.asynccontextmanager
    async def _living(self, application: Starlette) -> AsyncIterator[None]:
        limits = self._limits
        self._batcher = Batcher(
            self._compute, ROWS, limits.queue, limits.wait, watch=self.figures.block
        )
        try:
            yield
        finally:
            self._batcher.close()

    async def _answer(self, request: Request) -> Response:
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            return self._reply(await self._prediction(request), JSON)
        except Refused as refused:
            return self._refusal(refused)
        finally:
            self.figures.time(clock() - began)

    async def _prediction(self, request: Request) -> bytes:
        """The body of an answer.

        Raises:
            Refused: the request, or there is no time or no room for it.
        """
        assert self._batcher is not None
        limits, predictor = self._limits, self._model.predictor
        late = Refused("slow", f"the body did not come within {limits.seconds:g} s")
        try:
            async with asyncio.timeout(limits.seconds):
                body = await self._body(request)
                late = Refused("late", f"there was no answer within {limits.seconds:g} s")
                rows = read_rows(body, predictor, limits.rows)
                outputs = await self._batcher.answer(rows)
        except TimeoutError:
            raise late from None
        return write_outputs(outputs, self._read(outputs), tuple(predictor.carried))

    async def _body(self, request: Request) -> bytes:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != JSON:
            raise Refused(
                "media", f"the Content-Type must be {JSON}, not {kind or 'missing'}; curl takes "
                f"-H 'Content-Type: {JSON}'",
            )  # fmt: skip
        if (coding := request.headers.get("content-encoding", "identity")) != "identity":
            raise Refused("media", f"the body must come as it is, not as Content-Encoding {coding}")
        most = self._limits.body
        large = Refused("size", f"a body has at most {most:,} bytes")
        if int(request.headers.get("content-length", 0)) > most:
            raise large
        parts, size = [], 0
        try:
            async for part in request.stream():
                parts.append(part)
                size += len(part)
                if size > most:
                    raise large
        except ClientDisconnect:
            raise Refused("json", "the connection ended before the body did") from None
        return b"".join(parts)

    async def _index(self, request: Request) -> Response:
        page = write_index(self._about, str(request.base_url).rstrip("/"))
        return self._reply(page, "text/html", headers=_PAGE)

    async def _docs(self, request: Request) -> Response:
        return self._reply(write_docs(self._about, self._description), "text/html", headers=_PAGE)

    async def _openapi(self, request: Request) -> Response:
        return self._reply(write_json(self._description), JSON)

    async def _show_example(self, request: Request) -> Response:
        return self._reply(write_json(self._example), JSON)

    async def _health(self, request: Request) -> Response:
        return self._reply(write_json({"status": "ok", **self._model.facts}), JSON)

    async def _metrics(self, request: Request) -> Response:
        return self._reply(self.figures.write(), _PROMETHEUS)

    def _refuse_path(self, request: Request, error: Exception) -> Response:
        """What no route takes: there is no such path, or it is asked in another way."""
        assert isinstance(error, HTTPException)
        path = request.url.path[:200]
        if error.status_code == STATUS["method"]:
            allowed = (error.headers or {}).get("Allow", "")
            words = f"{path} takes {allowed}, not {request.method}"
            return self._refusal(Refused("method", words), error.headers)
        paths = ", ".join(self._description["paths"])
        return self._refusal(Refused("path", f"there is no {path}; there are {paths}"))

    def _fail(self, request: Request, error: Exception) -> Response:
        """An error that is nobody's mistake; the server writes its traceback to its log."""
        return self._refusal(Refused("fault", f"{type(error).__name__}: {error}"))

    def _refusal(self, refused: Refused, headers: Any = None) -> Response:
        if refused.kind == "busy":
            headers = {"Retry-After": "1"}
        body = write_json({"error": str(refused), "kind": refused.kind})
        return self._reply(body, JSON, refused.kind, headers=headers)

    def _reply(self, body: bytes, media: str, kind: str = "", headers: Any = None) -> Response:
        status = STATUS[kind] if kind else 200
        self.figures.count(status, kind)
        headers = {"X-Content-Type-Options": "nosniff", **(headers or {})}
        return Response(body, status, headers, media)
