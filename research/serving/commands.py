"""The command `serve`: a trained model answers over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from research.errors import Exit
from research.options.command import Command, Context, Outcome, parse, require
from research.options.ranges import AMOUNT, COUNT, POSITIVE, Range
from research.runs.names import RUN
from research.runs.reported import StateOptions, open_reported

PORT = Range(0, 65_535)
_MIB = 1 << 20
_LOOPBACK = ("127.", "::1", "localhost")


@dataclass(frozen=True)
class ServeOptions(StateOptions):
    """Options of `serve`."""

    host: Annotated[str, "the address to listen on"] = "127.0.0.1"
    port: Annotated[int, "its port; 0 is any that is free", PORT] = 8000
    max_body: Annotated[float, "MiB that a request may have", POSITIVE] = 1.0
    max_rows: Annotated[int, "rows that a request may have", COUNT] = 256
    max_queue: Annotated[int, "requests that may wait; more are refused", COUNT] = 1024
    timeout: Annotated[float, "seconds until a request must be answered", POSITIVE] = 30.0
    wait: Annotated[
        float, "milliseconds that requests wait for others to be computed with", AMOUNT
    ] = 2.0


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Open the model, say where it is, and answer until a signal comes."""
    (run,), options = parse(SERVE, tokens)
    # Before anything that takes time.
    for package, pin in (("starlette", ">=1,<2"), ("uvicorn", ">=0.54,<1")):
        require(package, "serve", pin=pin)
    from research.serving.running import address_of, bind, make_server, run_server

    with bind(options.host, options.port) as bound:
        lack = "predicts nothing that could be served"
        found = open_reported(run, options, context, "predict", lack)
        from research.serving.service import Limits, Model, Service

        model = Model(found.name, found.facts, found.offer, found.state)
        limits = Limits(
            body=int(options.max_body * _MIB),
            rows=options.max_rows,
            queue=options.max_queue,
            seconds=options.timeout,
            wait=options.wait / 1000,
        )
        service = Service(model, limits)
        address = address_of(bound)

        def say(words: str) -> None:
            print(words, file=context.human, flush=True)

        if not options.host.startswith(_LOOPBACK):
            say("note: whoever reaches this machine can ask: there is no password and no TLS")
        bound.listen()  # whoever reads the address can use it
        say(f"{found.name}, step {found.step:,}, at {address} (Ctrl-C stops)")
        run_server(make_server(service, options.timeout), bound, say)
    counted: dict[str, Any] = service.figures.total()
    say(f"stopped after {counted['requests']:,} requests, {counted['errors']:,} of them refused")
    return Outcome({**found.facts, "address": address, **counted})


SERVE = Command(
    name="serve",
    summary="let a trained model answer over HTTP",
    text="""Takes what a run reports, as `predict` does, and answers requests: POST /predict takes
    {"inputs": {"image": [...]}}, one or several rows of each input, and gives {"outputs": ...} with
    every bit of the model's floats, and beside it what they mean: the class, the text, the action.
    The page at / has a command that asks it, /docs a form to try it out, /openapi.json the
    description for programs, /health and /metrics what a monitor reads.

    Requests that come at the same time are computed in one call. That makes it fast, and has no
    part in the answers: these are those of `predict`, bit for bit, with whatever else is asked
    meanwhile.

    A model that carries a memory from step to step gives it as "carried"; send it along with the
    next inputs. The service itself remembers nothing.

    What is not right is refused with a status and one message, and so is what is too much: bodies
    by --max-body, rows by --max-rows, requests that wait by --max-queue (503, with Retry-After),
    time by --timeout (504). Ctrl-C and SIGTERM finish what is under way and take nothing new.

    It listens on this machine alone, without password or TLS. Others can reach it through a proxy
    that has both.""",
    arguments=(RUN,),
    options=ServeOptions,
    examples=(
        ("serve digits_cnn", "at http://127.0.0.1:8000"),
        ("serve digits_cnn --port 0 --checkpoint last", "a free port, the last checkpoint"),
        ("serve imdb_gru --max-queue 64 --timeout 2", "refuse early rather than answer late"),
    ),
    exits=(Exit.DAMAGED,),
    execute=execute,
    works=True,
)
