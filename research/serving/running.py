"""A service as a process: its socket, its server, and the way it stops."""

from __future__ import annotations

import contextlib
import errno
import math
import signal
import socket
from collections.abc import Callable
from typing import Any

import uvicorn

from research.engine import interrupts
from research.errors import Mistake
from research.serving.service import Service


def bind(host: str, port: int) -> socket.socket:
    """A socket at that address, on which nothing listens yet; port 0 is any that is free.

    Raises:
        Mistake: the address is not this machine's, or its port is in use or not allowed.
    """
    at = f"--host {host} --port {port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, protocol)
        # A port whose last connections are just closed is free.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind(address)
        except OSError:
            made.close()
            raise
        return made
    except socket.gaierror:
        raise Mistake(f"serve: --host {host} is no address, nor the name of one") from None
    except OSError as error:
        why = {
            errno.EADDRINUSE: "that port is in use; choose another, or 0 for any that is free",
            errno.EADDRNOTAVAIL: "that is no address of this machine; 127.0.0.1 is",
            errno.EACCES: "that port is not for every user; choose one above 1023",
        }.get(error.errno or 0, str(error.strerror or error))
        raise Mistake(f"serve: {at}: {why}") from None


def address_of(bound: socket.socket) -> str:
    """`http://127.0.0.1:8000`."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def make_server(service: Service, seconds: float) -> uvicorn.Server:
    """What answers for a service; setting its `should_exit` lets it finish and stop.

    Args:
        service: of a model.
        seconds: that a request may take, so that none holds up the end for longer.
    """
    config = uvicorn.Config(
        service.application,
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        # Longer than a client's pause: a connection that both ends use at once is lost.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=math.ceil(seconds) + 1,
    )
    return _Server(config)


def run_server(server: uvicorn.Server, bound: socket.socket, note: Callable[[str], None]) -> None:
    """Answer until a signal comes; then finish what is under way, and take nothing new."""

    def stop(number: int) -> None:
        if not server.should_exit:
            server.should_exit = True
            note(f"{signal.Signals(number).name}: finishing, then stopping (Ctrl-C stops at once)")

    with interrupts.answered(stop):
        server.run(sockets=[bound])


class _Server(uvicorn.Server):
    def capture_signals(self) -> Any:
        """Leave signals to Encore, whose message and exit code they end with."""
        return contextlib.nullcontext()
