"""Command lines: every spelling, and every mistake told at once."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import pytest

from research.errors import Mistake
from research.options.options import clashes, options_of, refuse, scan


@dataclass(frozen=True)
class Sample:
    batch_size: Annotated[int, "examples"] = 32
    learning_rate: Annotated[float, "step size"] = 1e-3
    nesterov: Annotated[bool, "look ahead"] = True
    optimizer: Annotated[Literal["adam", "sgd"], "which"] = "adam"
    widths: Annotated[tuple[int, ...], "units"] = (1,)
    title: str = "x"


OPTIONS = options_of(Sample)


def test_fields_become_options():
    first = OPTIONS[0]
    assert (first.name, first.field, first.kind, first.default, first.help) == (
        "batch-size",
        "batch_size",
        int,
        32,
        "examples",
    )
    assert OPTIONS[-1].help == ""


@pytest.mark.parametrize(
    ("tokens", "values"),
    [
        (["--batch-size", "8"], {"batch_size": 8}),
        (["--batch-size=8"], {"batch_size": 8}),
        (["--batch_size", "8"], {"batch_size": 8}),
        (["--learning-rate", "-1"], {"learning_rate": -1.0}),
        (["--nesterov"], {"nesterov": True}),
        (["--no-nesterov"], {"nesterov": False}),
        (["--nesterov", "false"], {"nesterov": False}),
        (["--nesterov=no"], {"nesterov": False}),
        (["--widths", "3,4", "--optimizer=sgd"], {"widths": (3, 4), "optimizer": "sgd"}),
        (["--title=--odd=1"], {"title": "--odd=1"}),
    ],
)
def test_spellings(tokens, values):
    found = scan(tokens, OPTIONS)
    assert not found.mistakes
    assert found.values == values
    assert found.arguments == []


def test_words_beside_options_are_arguments():
    found = scan(["--nesterov", "digits", "--batch-size", "8", "more", "--", "--title"], OPTIONS)
    assert found.arguments == ["digits", "more", "--title"]
    assert found.values == {"nesterov": True, "batch_size": 8}


@pytest.mark.parametrize(
    ("tokens", "says"),
    [
        (["--batchsize", "8"], "--batchsize: there is no such option; did you mean --batch-size?"),
        (["--no-nestrov"], "did you mean --no-nesterov"),
        (["--no-batch-size"], "there is no such option"),
        (["-batch-size", "8"], "two dashes are wanted: --batch-size"),
        (["--batch-size"], "a value is missing"),
        (["--batch-size", "--nesterov"], "--batch-size: a value is missing"),
        (["--batch-size="], "a whole number is wanted"),
        (["--no-nesterov=false"], "true or false is wanted"),
        (["--batch-size", "1", "--batch_size=2"], "given twice (1 and 2)"),
        (["--nesterov", "--no-nesterov"], "given twice"),
    ],
)
def test_each_mistake(tokens, says):
    found = scan(tokens, OPTIONS)
    assert len(found.mistakes) == 1
    assert says in found.mistakes[0]


def test_all_mistakes_at_once():
    tokens = ["--lerning-rate", "1", "--batch-size", "x", "--optimizer", "adm", "--title"]
    found = scan(tokens, OPTIONS)
    assert len(found.mistakes) == 4
    assert found.wrong == {"batch-size", "optimizer", "title"}
    with pytest.raises(Mistake) as raised:
        refuse("run", found.mistakes, "See: help")
    lines = str(raised.value).splitlines()
    assert lines[0] == "run: 4 mistakes"
    assert lines[-1] == "See: help"
    assert all(mistake in "".join(lines) for mistake in found.mistakes)
    refuse("run", [])


def test_fields_that_cannot_be_options_are_all_named():
    @dataclass(frozen=True)
    class Bad:
        steps: int
        table: dict = field(default_factory=dict)

    with pytest.raises(Mistake, match=r"steps needs a default; the field table is dict"):
        options_of(Bad)


def test_clashes_between_options():
    @dataclass(frozen=True)
    class Own:
        seed: int = 0
        help: str = ""
        bias: bool = True
        no_bias: bool = False
        fine: int = 0

    @dataclass(frozen=True)
    class Others:
        seed: int = 0

    found = clashes(options_of(Own), options_of(Others))
    assert [text.split()[2] for text in found] == ["seed", "help", "no_bias"]
    assert not clashes(OPTIONS, options_of(Others))
