"""What a function is known by: what decides its result, and no more."""

from __future__ import annotations

import dataclasses
import functools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from research.data.labels import find_classes, labelled
from research.data.sources.arrays import ArraySource
from research.data.sources.functions import describe

SCALE = 2


def helper(x):
    return SCALE * x


def double(x):
    return helper(x)


def adder(amount):
    return lambda x: x + amount


def plus(x, amount=1):
    return x + amount


@dataclasses.dataclass(frozen=True)
class Power:
    exponent: float

    def __call__(self, x):
        return x**self.exponent

    def of(self, x):
        return self(x)


class Plain:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return x * self.factor


def recursive(x):
    return recursive(x - 1) if x else 0


def spelled(function) -> str:
    return json.dumps(describe(function))


DIFFERENT = [
    adder(1),
    adder(2),
    adder(1.0),
    adder(np.arange(3)),
    adder(np.arange(3.0)),
    adder({"a": 1}),
    adder((1, 2)),
    adder([1, 2]),
    functools.partial(plus, amount=1),
    functools.partial(plus, amount=2),
    functools.partial(functools.partial(plus, 3), amount=2),
    plus,
    double,
    Power(2.0),
    Power(3.0),
    Power(2.0).of,
    Power(3.0).of,
    Plain(2),
    Plain(3),
    recursive,
    np.tanh,
    np.exp,
    np.add,
    len,
    adder(plus),
    adder(double),
]


def test_functions_that_differ_have_different_descriptions():
    found = [spelled(function) for function in DIFFERENT]
    assert len(set(found)) == len(found)
    assert found == [spelled(function) for function in DIFFERENT]
    assert not any(" at 0x" in each for each in found)


@pytest.mark.parametrize("name", ["SCALE", "helper"])
def test_a_constant_or_a_helper_of_the_module_counts(monkeypatch, name):
    before = spelled(double)
    monkeypatch.setattr(sys.modules[__name__], name, 3 if name == "SCALE" else plus)
    assert spelled(double) != before


def test_functions_of_encore_are_named_and_their_arguments_count():
    source = ArraySource("some", {"y": np.arange(3), "z": np.arange(3)})
    found = [spelled(labelled(source, c, find_classes(source, c)).function) for c in "yz"]
    assert "research.data.labels._number" in found[0] and "def " not in found[0]
    assert found[0] != found[1]


def test_what_was_wrapped_is_what_counts():
    @functools.wraps(plus)
    def timed(x):
        return plus(x)

    assert spelled(timed) == spelled(plus)


def test_a_function_without_a_text_and_other_processes_and_hashes():
    script = """
import json
from research.data.sources.functions import describe
def kept(columns, names=frozenset("abcdefgh")):
    return [name in {"x", "y", "z"} for name in columns]
print(json.dumps(describe(kept)))
"""
    root = Path(__file__).parents[3]
    found = [
        subprocess.run(
            [sys.executable, "-c", text],
            cwd=root,
            env={"PYTHONPATH": str(root), "PYTHONHASHSEED": seed, "JAX_PLATFORMS": "cpu"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for text, seed in [(script, "1"), (script, "2"), (script.replace('"z"', '"w"'), "1")]
    ]
    assert found[0] == found[1] != found[2]
