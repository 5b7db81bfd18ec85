"""Requests a second of an HTTP server, from clients that ask at once; each answer is checked.

    python http_load.py --clients 64 -- SERVER ...

starts the server, which prints `{"port": ...}` when it is ready. What is asked is random; the right
answers are those that the server gives when it is asked one after the other. This file needs the
standard library only.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import random
import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_PATIENCE = 60.0
"""Seconds in which all that was asked must be answered."""


class Found(NamedTuple):
    """What clients met.

    Attributes:
        answered: requests with the right answer.
        wrong: with another one, or another status than 200.
        lost: connections that ended, or never answered, with a request under way.
        seconds: until the last answer.
    """

    answered: int
    wrong: int
    lost: int
    seconds: float


class _Load:
    def __init__(self, requests: Sequence[bytes], right: Sequence[bytes], until: float) -> None:
        self.requests, self.right, self.until = requests, right, until
        self.answered = self.wrong = self.lost = 0
        self.last = 0.0


class _Client(asyncio.Protocol):
    """Asks a request, waits for the answer, and asks the next one until the time is over."""

    def __init__(self, load: _Load, first: int) -> None:
        self._load, self._number = load, first
        self._held = b""
        self._asking = False
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._asking = time.perf_counter() < self._load.until
        if not self._asking:
            self._transport.close()
            return
        self._number = (self._number + 1) % len(self._load.requests)
        self._transport.write(self._load.requests[self._number])

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, found, body = self._held.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or length is None or len(body) < int(length[1]):
            return
        self._held = b""
        right = head.split(b" ", 2)[1] == b"200" and body == self._load.right[self._number]
        self._load.answered += right
        self._load.wrong += not right
        self._load.last = time.perf_counter()
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        self._load.lost += self._asking
        if not self.done.done():
            self.done.set_result(None)


def ask_for(
    port: int, bodies: Sequence[bytes], right: Sequence[bytes], clients: int, seconds: float
) -> Found:
    """Let so many clients ask for so many seconds, and wait for the last answers.

    Args:
        port: of a server on this machine.
        bodies: of the requests, which the clients go through in turn.
        right: the body of the answer to each.
        clients: connections, each with one request at a time.
        seconds: after which no new request is made.
    """

    async def run() -> Found:
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        load = _Load([_request(body) for body in bodies], right, began + seconds)
        made = [
            await loop.create_connection(lambda k=k: _Client(load, k), "127.0.0.1", port)  # type: ignore[misc]
            for k in range(clients)
        ]
        waiting = [client.done for _, client in made]
        _, missing = await asyncio.wait(waiting, timeout=seconds + _PATIENCE)
        lost = load.lost + len(missing)
        return Found(load.answered, load.wrong, lost, load.last - began)

    return asyncio.run(run())


def _request(body: bytes) -> bytes:
    head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Content-Type: application/json\r\n\r\n".encode() + body


def ask_alone(port: int, bodies: Sequence[bytes]) -> list[bytes]:
    """The answers of a server that is asked one after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    answers = []
    for body in bodies:
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        answers.append(connection.getresponse().read())
    connection.close()
    return answers


def make_bodies(name: str, shape: Sequence[int], most: int, count: int = 64) -> list[bytes]:
    """Requests of one row each, of random whole numbers from 0 to `most` for the input `name`."""
    source = random.Random(0)

    def draw(sizes: Sequence[int]) -> Any:
        return [draw(sizes[1:]) for _ in range(sizes[0])] if sizes else source.randint(0, most)

    return [json.dumps({"inputs": {name: [draw(shape)]}}).encode() for _ in range(count)]


def _processor_seconds(process: int) -> float:
    """What a process and its threads have had of the cores (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Serve rounds."""
    from serving import serve_rounds

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=64, help="requests under way at once")
    parser.add_argument("--input", required=True, help="the name of the model's input")
    parser.add_argument("--shape", type=int, nargs="+", required=True, help="of a row")
    parser.add_argument("--most", type=int, default=1, help="the largest number in it")
    parser.add_argument("--seconds", type=float, default=2.0, help="about the length of a round")
    parser.add_argument("server", nargs="+", help="its command, after --")
    options = parser.parse_args()
    # It ends when its standard input does.
    server = subprocess.Popen(options.server, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdout is not None
    ready = json.loads(server.stdout.readline() or "{}")
    if "port" not in ready:
        raise SystemExit(f"the server ended: exit code {server.wait()}")
    port = int(ready["port"])
    bodies = make_bodies(options.input, options.shape, options.most)
    right = ask_alone(port, bodies)

    def one_round() -> dict[str, Any]:
        used = _processor_seconds(server.pid)
        found = ask_for(port, bodies, right, options.clients, options.seconds)
        if found.wrong or found.lost:
            raise SystemExit(f"{found.wrong} wrong answers, {found.lost} lost requests")
        used = _processor_seconds(server.pid) - used
        return {
            "rate": found.answered / found.seconds,
            "microseconds": 1e6 * used / found.answered,
            "outputs": json.loads(right[0])["outputs"],
        }

    serve_rounds(ready["ready"], float(ready["first_seconds"]), one_round)


if __name__ == "__main__":
    import sys

    sys.path.insert(0, str(Path(__file__).resolve().parent))
    main()
