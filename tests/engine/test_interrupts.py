"""Signals: the first asks, the second interrupt leaves at once, wherever the process is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from research.engine.interrupts import SIGNALS, stop_on_signals

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


def start(how, program=BUSY):
    process = subprocess.Popen(
        [sys.executable, "-c", program, how],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    return process


@pytest.mark.parametrize("how", ["computing", "waiting"])
@pytest.mark.parametrize("first", SIGNALS)
def test_the_second_interrupt_leaves_at_once_with_75(how, first):
    process = start(how)
    try:
        process.send_signal(first)
        time.sleep(0.2)
        assert process.poll() is None, "the first one only asks"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 75
    assert "stopped at once" in err
    # Said at once, also where the main thread is in the compiler.
    assert out.count("saving, then stopping") == 1


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
    before = [signal.getsignal(number) for number in SIGNALS]
    notes = []
    for name in ("SIGTERM", "SIGHUP"):
        with stop_on_signals(notes.append) as request:
            assert not request
            os.kill(os.getpid(), signal.Signals[name])
            assert request and request.reason == name
            os.kill(os.getpid(), signal.SIGTERM)
        assert notes == [f"{name}: saving, then stopping (Ctrl-C again stops at once)"]
        notes.clear()
    assert [signal.getsignal(number) for number in SIGNALS] == before
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    with stop_on_signals(notes.append) as request:
        assert not request


def test_what_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals(lambda text: None) as request:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not request
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


STANDING = """
import gc, hashlib, os, signal, sys
from research.engine.interrupts import end_on_signals, stop_on_signals
end_on_signals()
print("ready", flush=True)
if sys.argv[1] == "computing":
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
if sys.argv[1] == "collecting":
    # What a handler raises in here is written to stderr, and the program goes on.
    gc.callbacks.append(lambda *_: signal.pause())
    while True:
        gc.collect()
if sys.argv[1] == "importing":
    try:
        signal.pause()
    except BaseException as error:
        print("cannot be imported", type(error))
"""


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("how", ["computing", "collecting", "importing"])
def test_before_a_run_has_begun_a_signal_ends_it_wherever_it_comes(how, number):
    process = start(how, STANDING)
    try:
        process.send_signal(number)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert (process.returncode, out) == (75, "")
    assert err == "stopped before it began; nothing was lost\n"


def test_an_error_inside_comes_through():
    with pytest.raises(ZeroDivisionError), stop_on_signals(lambda text: None):
        raise ZeroDivisionError
