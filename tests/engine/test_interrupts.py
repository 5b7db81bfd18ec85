"""Signals: the first asks, the second interrupt leaves at once, wherever the process is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from research.engine.interrupts import stop_on_signals

# A derivation of 10**9 rounds holds the main thread in C for many minutes, as a compiler may: no
# Python handler runs there.
BUSY = """
import hashlib, os, signal, sys
from research.engine.interrupts import stop_on_signals
with stop_on_signals(lambda text: print(text, flush=True)) as request:
    print("ready", flush=True)
    if sys.argv[1] == "computing":
        hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
    while True:
        signal.pause()
"""


def start(how):
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY, how],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    return process


@pytest.mark.parametrize("how", ["computing", "waiting"])
@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_the_second_interrupt_leaves_at_once_with_75(how, first):
    process = start(how)
    try:
        process.send_signal(first)
        time.sleep(0.2)
        assert process.poll() is None, "the first one only asks"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=5)
    finally:
        process.kill()
    assert process.returncode == 75
    assert "stopped at once" in err
    assert ("saving, then stopping" in out) == (how == "waiting")


def test_a_second_sigterm_is_patient():
    process = start("waiting")
    try:
        for _ in range(3):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


def test_inside_the_context_a_signal_is_a_request_and_outside_it_is_what_it_was():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    notes = []
    with stop_on_signals(notes.append) as request:
        assert not request
        os.kill(os.getpid(), signal.SIGTERM)
        assert request and request.reason == "SIGTERM"
        os.kill(os.getpid(), signal.SIGTERM)
    assert notes == ["SIGTERM: saving, then stopping (Ctrl-C again stops at once)"]
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == before
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    with stop_on_signals(notes.append) as request:
        assert not request


def test_an_error_inside_comes_through():
    with pytest.raises(ZeroDivisionError), stop_on_signals(lambda text: None):
        raise ZeroDivisionError
