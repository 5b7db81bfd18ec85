"""What a service says of itself: an OpenAPI description, an example, and two pages."""

from __future__ import annotations

import functools
import json
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from research.prediction import Predictor
from research.serving.bodies import CARRIED, STATUS, TEXTS, limits_of, spell_shape, write_json

if TYPE_CHECKING:
    from jinja2 import Template

_SHORT = 300
"""Characters of an example that stands in a command; a longer one is fetched."""
_TEXT: dict[str, Any] = {"type": ["string", "null"]}
_WHEN = {
    "json": "the body is not JSON",
    "slow": "the body did not come in time",
    "size": "the body is too large",
    "media": "the Content-Type is not application/json",
    "input": "an input has a wrong name, shape, type or range, or the rows are too many",
    "fault": "the model failed",
    "busy": "too many requests wait: try again after the seconds of Retry-After",
    "late": "there was no answer in time",
}
"""Kind of error -> when it happens, for those that /predict answers with."""


class About(NamedTuple):
    """What is served, as its pages show it.

    Attributes:
        name: what a person calls it.
        facts: what it is, in JSON values.
        predictor: says what the inputs are.
        outputs: by shape and dtype, of a batch of one.
        answers: whether there is a reading of the outputs.
    """

    name: str
    facts: Mapping[str, Any]
    predictor: Predictor
    outputs: Mapping[str, Any]
    answers: bool


def describe(about: About, rows: int) -> dict[str, Any]:
    """The OpenAPI 3.1 description of the service of a model that takes so many rows at once."""
    predictor = about.predictor
    carried = predictor.carried
    own = {name: one for name, one in predictor.examples.items() if name not in carried}
    taken = {"inputs": _of_arrays(own, rows, predictor)}
    given = {
        "outputs": _of_arrays(
            {name: one for name, one in about.outputs.items() if name not in carried}
        )
    }
    if carried:
        taken[CARRIED] = _of_arrays(carried, rows)
        given[CARRIED] = _of_arrays(carried)
    if about.answers:
        given["answers"] = {"type": "array", "items": {"type": "object"}}
    error = _object({"error": {"type": "string"}, "kind": {"enum": list(STATUS)}})
    bad: dict[int, list[str]] = {}
    for kind, when in _WHEN.items():
        bad.setdefault(STATUS[kind], []).append(when)
    responses = {
        "200": _response("the outputs, rows in order", _object(given)),
        **{str(status): _response(" or ".join(when), error) for status, when in bad.items()},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": about.name,
            "description": "Predictions of one trained model, by Encore.",
            "version": f"step {about.facts['step']}",
        },
        "paths": {
            "/predict": {
                "post": {
                    "summary": "predict one or several rows",
                    "requestBody": {
                        "required": True,
                        "content": _json(_object(taken, required=["inputs"])),
                    },
                    "responses": responses,
                }
            },
            **{path: _get(*of) for path, of in _PATHS.items()},
        },
    }


def write_example(predictor: Predictor) -> dict[str, Any]:
    """A request of one row: zeros, and the commonest texts."""
    zeros = {
        name: np.zeros((1, *one.shape[1:]), one.dtype).tolist()
        for name, one in predictor.examples.items()
        if name not in predictor.carried
    }
    return {"inputs": zeros | {name: [*texts[:1]] for name, texts in predictor.categories.items()}}


def write_index(about: About, address: str) -> bytes:
    """The page at `/`: what is served, and how it is asked."""
    example = write_json(write_example(about.predictor)).decode()
    post = f"curl -s {address}/predict -H 'Content-Type: application/json' -d"
    short = len(example) <= _SHORT
    command = f"{post} '{example}'" if short else f"curl -s {address}/example | {post} @-"
    predictor = about.predictor
    own, carried = predictor.examples, predictor.carried
    page = _template("index.html").render(
        about=about,
        command=command,
        inputs=_spelled(
            {name: one for name, one in own.items() if name not in carried}, predictor.categories
        ),
        outputs=_spelled({n: one for n, one in about.outputs.items() if n not in carried}),
        carried=_spelled(carried),
    )
    return page.encode()


def write_docs(about: About, description: Mapping[str, Any]) -> bytes:
    """The page at `/docs`: the description for people, and a form to try it out."""
    page = _template("docs.html").render(
        about=about,
        paths=[
            (method.upper(), path, of)
            for path, methods in description["paths"].items()
            for method, of in methods.items()
        ],
        schema=json.dumps(_request_schema(description), indent=1),
        example=write_json(write_example(about.predictor)).decode(),
    )
    return page.encode()


_PATHS = {
    "/": ("this model, and how it is asked", "text/html"),
    "/example": ("a request of one row, zeros", "application/json"),
    "/docs": ("this description for people", "text/html"),
    "/openapi.json": ("this description", "application/json"),
    "/health": ("whether it answers, and what it is", "application/json"),
    "/metrics": ("requests, errors, times, blocks and the queue, for Prometheus", "text/plain"),
}


def _request_schema(description: Mapping[str, Any]) -> Any:
    post = description["paths"]["/predict"]["post"]
    return post["requestBody"]["content"]["application/json"]["schema"]


def _spelled(arrays: Mapping[str, Any], texts: Container[str] = ()) -> list[tuple[str, str]]:
    return [(name, TEXTS if name in texts else spell_shape(one)) for name, one in arrays.items()]


def _of_arrays(
    arrays: Mapping[str, Any], rows: int | None = None, predictor: Predictor | None = None
) -> dict[str, Any]:
    """The schema of named arrays; `rows` is the most that a request has.

    Inputs of a predictor may be texts, and its floats null.
    """
    missing = predictor is not None and predictor.missing
    texts = predictor.categories if predictor else {}
    of_all = {n: _of_array(one, rows, missing, n in texts) for n, one in arrays.items()}
    return _object(of_all)


def _of_number(dtype: np.dtype, missing: bool) -> dict[str, Any]:
    if dtype.kind in "biu":
        low, high = limits_of(dtype)
        return {"type": "integer", "minimum": low, "maximum": high}
    return {"type": ["number", "null"] if missing else "number", "description": "float32"}


def _of_array(example: Any, rows: int | None, missing: bool, text: bool) -> dict[str, Any]:
    schema = _TEXT if text else _of_number(np.dtype(example.dtype), missing)
    for size in reversed(example.shape[1:]):
        schema = {"type": "array", "items": schema, "minItems": size, "maxItems": size}
    most = {} if rows is None else {"maxItems": rows}
    return {
        "type": "array",
        "items": schema,
        "minItems": 1,
        **most,
        "description": TEXTS if text else spell_shape(example),
    }


def _object(properties: dict[str, Any], required: Sequence[str] | None = None) -> dict[str, Any]:
    needed = [*properties] if required is None else [*required]
    return {
        "type": "object",
        "properties": properties,
        "required": needed,
        "additionalProperties": False,
    }


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _response(description: str, schema: Any) -> dict[str, Any]:
    return {"description": description, "content": _json(schema)}


def _get(summary: str, media: str) -> dict[str, Any]:
    answer = {"description": summary, "content": {media: {}}}
    return {"get": {"summary": summary, "responses": {"200": answer}}}


@functools.cache
def _template(name: str) -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    here = Path(__file__).resolve().parent
    environment = Environment(
        loader=FileSystemLoader(here), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template(name)
