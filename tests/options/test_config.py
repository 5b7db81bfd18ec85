"""Configs: what stands once in an annotation, and floats that refuse to be calculated with."""

from __future__ import annotations

import dataclasses
import math
from typing import Annotated, Any

import jax.numpy as jnp
import numpy as np
import pytest

from research.engine.experiment import Experiment
from research.engine.identity import Identity
from research.errors import Mistake
from research.options.config import (
    Config,
    Traced,
    config_fields,
    floats,
    make_experiment,
    problems_of,
    traced_floats,
)
from research.options.options import options_of
from research.options.ranges import COUNT, FIXED, FRACTION, STATIC, Divides, Range, Since


@dataclasses.dataclass(frozen=True)
class Probe(Config):
    epochs: Annotated[int, "passes", COUNT] = 6
    warmup: Annotated[int, "of these", Range(0, "epochs")] = 2
    batch_size: Annotated[int, "examples", COUNT] = 8
    groups: Annotated[int, "parts", COUNT, Divides(("batch_size",))] = 2
    widths: Annotated[tuple[int, ...], "units", COUNT] = (3, 4)
    clipped: Annotated[bool, "newer", Since(False)] = False
    rate: Annotated[float, "dropped", FRACTION] = 0.5
    scale: Annotated[float, "known when it is made", STATIC] = 2.0
    use: Annotated[str, "what is done with the rate"] = "nothing"

    def problems(self) -> list[str]:
        return ["--epochs: 7 is not liked"] if self.epochs == 7 else []

    def smoke(self) -> Probe:
        return dataclasses.replace(self, epochs=1, warmup=0)

    def make(self) -> Experiment:
        def init(key: Any, hyperparameters: Any) -> Any:
            return hyperparameters

        uses = {
            "nothing": lambda: 0,
            "sum": lambda: 1 + self.rate,
            "float": lambda: math.sqrt(self.rate),
            "array": lambda: jnp.asarray(self.rate),
            "numpy": lambda: np.asarray(self.rate) * 2,
            "product": lambda: jnp.ones(3) * self.rate,
            "comparison": lambda: self.rate > 0,
            "equality": lambda: self.rate == 0,
            "condition": lambda: 1 if self.rate else 2,
            "text": lambda: f"{self.rate}",
        }
        uses[self.use]()
        steps = round(self.epochs * self.scale)
        return Experiment(init, lambda *a: None, lambda *a: {}, steps, 1, "examples")


def test_a_bound_can_be_another_field() -> None:
    assert problems_of(Probe()) == [] == problems_of(Probe(warmup=6))
    assert problems_of(Probe(warmup=7)) == [
        "--warmup must be at least 0 and at most 6 (--epochs), not 7"
    ]


def test_each_number_of_a_tuple_is_held_against_the_range() -> None:
    assert problems_of(Probe(widths=(3, 0))) == ["--widths must be at least 1, not 3,0"]
    assert problems_of(Probe(widths=())) == []


def test_parts_divide() -> None:
    assert problems_of(Probe(groups=3)) == ["--groups must divide --batch-size (8): 3 does not"]


def test_what_no_annotation_says_is_said_once_all_fields_are_in_range() -> None:
    assert problems_of(Probe(epochs=7, groups=3)) == [
        "--groups must divide --batch-size (8): 3 does not",
        "--epochs: 7 is not liked",
    ]
    assert len(problems_of(Probe(epochs=7, groups=0))) == 1


def test_hyperparameters_are_the_floats() -> None:
    assert floats(Probe(rate=0.25)) == {"rate": 0.25, "scale": 2.0}
    assert make_experiment(Probe(rate=0.25)).hyperparameters == {"rate": 0.25, "scale": 2.0}


def test_a_static_float_is_known_and_does_not_vary() -> None:
    assert make_experiment(Probe(scale=3.0)).steps == 18
    assert traced_floats(Probe()) == {"rate": 0.5}


@pytest.mark.parametrize(
    "use",
    ["sum", "float", "array", "numpy", "product", "comparison", "equality", "condition", "text"],
)
def test_a_traced_float_cannot_be_misused(use: str) -> None:
    with pytest.raises(Mistake) as refused:
        make_experiment(Probe(use=use))
    message = str(refused.value)
    assert "rate is traced" in message and 'hyperparameters["rate"]' in message
    assert f"{__file__}, line " in message
    Probe(use=use).make()  # control: with the number itself nothing would be noticed


def test_a_stand_in_can_be_shown_and_kept() -> None:
    assert repr(Traced("rate")) == "<rate, traced>"
    assert len({Traced("rate"), Traced("rate")}) == 2


def test_a_neutral_field_makes_no_other_run() -> None:
    def digest(config: Any) -> str:
        return Identity("a/b", config_fields(config), 0).config_digest

    @dataclasses.dataclass(frozen=True)
    class Before(Probe):
        units: int = 6

    @dataclasses.dataclass(frozen=True)
    class After(Before):
        shifted: Annotated[bool, "newer", Since(False)] = False

    @dataclasses.dataclass(frozen=True)
    class Careless(Before):
        shifted: bool = False

    assert digest(After()) == digest(Before())
    assert digest(After(shifted=True)) != digest(Before()) != digest(Careless())


def test_a_fixed_field_is_no_option_and_no_part_of_what_a_run_is() -> None:
    @dataclasses.dataclass(frozen=True)
    class Kinds(Probe):
        net: Annotated[Any, "any object", FIXED] = print
        places: Annotated[float, "no hyper-parameter", FIXED] = 0.5

    one, other = Kinds(), Kinds(net=open, places=0.25)
    assert config_fields(one) == config_fields(other) == config_fields(Probe())
    assert options_of(one) == options_of(Probe())
    assert floats(one) == floats(Probe()) and problems_of(one) == []
    assert dataclasses.replace(other, epochs=9).net is open


def test_the_values_of_an_object_are_the_defaults_of_its_options() -> None:
    defaults = {option.name: option.default for option in options_of(Probe(epochs=9))}
    assert defaults["epochs"] == 9 and defaults["batch-size"] == 8


def test_an_option_says_its_range() -> None:
    allowed = {option.name: option.allowed for option in options_of(Probe())}
    assert allowed["epochs"] == "at least 1"
    assert allowed["warmup"] == "at least 0 and at most --epochs"
    assert allowed["scale"] == ""
