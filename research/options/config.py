"""Configs: frozen dataclasses whose fields are the options of an experiment, and that make it."""

from __future__ import annotations

import dataclasses
import json
import sys
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self

from research.errors import Mistake
from research.options.ranges import FIXED, STATIC, Divides, Range, RunOf, Since, undivided

if TYPE_CHECKING:
    from research.engine.experiment import Experiment, Needs
    from research.engine.inputs import Source


@dataclasses.dataclass(frozen=True)
class Config(ABC):
    """What can be chosen of an experiment, and how it is made and made small.

    A field is `name: Annotated[type, "help", marks...] = default`; the marks are those of
    `research.options.ranges`: a `Range`, `Divides`, `STATIC`, `FIXED`, `Since`, `PATH`, `RunOf`.
    Whole numbers, bools and words shape the program. Floats are hyper-parameters:
    `Experiment.init` is given them by name as traced values, so that one program serves all.
    """

    @property
    def headline(self) -> str:
        """The one figure that matters, in full: `test/accuracy`; "" lets a rule choose it."""
        return ""

    @abstractmethod
    def make(self) -> Experiment:
        """The experiment, without its `headline`, and its `hyperparameters`: the floats.

        In place of each float stands `Traced`, which refuses to be calculated with; a float that
        is marked `STATIC` stands there itself.
        """

    @abstractmethod
    def smoke(self) -> Self:
        """The config of a run of seconds."""

    def problems(self) -> list[str]:
        """What is wrong, a message each, that no annotation can say; each field is in range."""
        return []

    def make_to_use(self, needs: Needs) -> Experiment:
        """The experiment for those who only use a state of it: its data stay closed.

        `needs` is `Experiment.needs` of the one that was trained.
        """
        del needs
        return self.make()

    def make_with(self, inputs: Mapping[str, Source]) -> Experiment:
        """The experiment that is given states of other runs.

        Its functions take them as their last argument, `research.engine.experiment.GIVEN`.

        `inputs` maps a field to the run that it names; fields that name none are left out.
        """
        del inputs
        return self.make()

    def own_files(self) -> dict[str, str]:
        """Field -> path, of the fields that name a file of one's own."""
        return {}


class Traced:
    """What stands in a config for a float that is traced: it refuses to be calculated with.

    Its value would be baked into the program, and silently be wrong in a population over it.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}, traced>"

    __hash__ = object.__hash__


def _refuse(self: Traced, *_: Any) -> Any:
    caller = sys._getframe(1)
    while "site-packages" in caller.f_code.co_filename and caller.f_back is not None:
        caller = caller.f_back
    raise Mistake(
        f"{caller.f_code.co_filename}, line {caller.f_lineno}: {self.name} is traced: read "
        f'hyperparameters["{self.name}"], which `init` is given and the state keeps. A float '
        "that must be known when the program is made has STATIC in its annotation"
    )


_OPERATORS = """
add sub mul matmul truediv floordiv mod divmod pow neg pos abs radd rsub rmul rmatmul rtruediv
rfloordiv rmod rdivmod rpow eq ne lt le gt ge bool int float complex index round trunc floor ceil
format str array jax_array
"""
for _operator in _OPERATORS.split():
    setattr(Traced, f"__{_operator}__", _refuse)


class Field(NamedTuple):
    """A field of a config, as its annotation has it."""

    name: str
    kind: Any
    help: str
    marks: tuple[Any, ...]

    def mark(self, kind: type) -> Any:
        """The first mark of a kind; None where there is none."""
        return next((mark for mark in self.marks if isinstance(mark, kind)), None)


def fields_of(config: Any) -> Iterator[Field]:
    """The fields of a dataclass, or of an object of one, that can be chosen: not the `FIXED`."""
    config_class = config if isinstance(config, type) else type(config)
    hints = typing.get_type_hints(config_class, include_extras=True)
    for field in dataclasses.fields(config):
        hint = hints[field.name]
        notes: tuple[Any, ...] = ()
        if typing.get_origin(hint) is Annotated:
            hint, *rest = typing.get_args(hint)
            notes = tuple(rest)
        text = next((note for note in notes if isinstance(note, str)), "")
        marks = tuple(note for note in notes if not isinstance(note, str))
        if FIXED not in marks:
            yield Field(field.name, hint, text, marks)


def problems_of(config: Config) -> list[str]:
    """All that is wrong with a config, a message each; of its own `problems` once fields are."""
    found = out_of_range(config)
    if found:
        return found
    for field in fields_of(config):
        parts = field.mark(Divides)
        found += undivided(field.name, config, *parts.wholes) if parts else []
    return found + config.problems()


def out_of_range(config: Any) -> list[str]:
    """A message for each field of a dataclass that is not in the `Range` of its annotation."""
    found: list[str] = []
    for field in fields_of(config):
        allowed = field.mark(Range)
        found += allowed.problems(field.name, config) if allowed else []
    return found


def runs_named(config: Any) -> dict[str, RunOf]:
    """Field -> its mark, of those that name another run."""
    marked = {field.name: field.mark(RunOf) for field in fields_of(config)}
    return {name: mark for name, mark in marked.items() if mark and getattr(config, name)}


def floats(config: Any) -> dict[str, float]:
    """The float fields of a config: name -> value. They are the experiment's hyper-parameters."""
    fields = (field.name for field in fields_of(config) if field.kind is float)
    return {name: float(getattr(config, name)) for name in fields}


def traced_floats(config: Any) -> dict[str, float]:
    """Those that a population can vary within one program: name -> value of all not `STATIC`."""
    static = {field.name for field in fields_of(config) if STATIC in field.marks}
    return {name: value for name, value in floats(config).items() if name not in static}


def make_experiment(
    config: Config, make: Callable[[Config], Experiment] | None = None
) -> Experiment:
    """The experiment of a config.

    `make` is called with the config that has `Traced` in it; its own `make` by default.
    """
    stand_ins: dict[str, Any] = {name: Traced(name) for name in traced_floats(config)}
    blind = dataclasses.replace(config, **stand_ins)
    experiment = blind.make() if make is None else make(blind)
    return experiment._replace(hyperparameters=floats(config), headline=config.headline)


def config_fields(config: Config) -> dict[str, Any]:
    """The fields of a config that make the run, as JSON values; tuples become lists.

    For a file of one's own its content stands, however its path is spelled. A field that is
    neutral (`Since`) is left out.

    Raises:
        Mistake: such a file cannot be read.
    """
    from research.engine import own_files

    contents = {n: own_files.content_of(path) for n, path in config.own_files().items()}
    fields = {field.name: getattr(config, field.name) for field in fields_of(config)} | contents
    for name, neutral in neutral_values(config).items():
        if fields[name] == neutral:
            del fields[name]
    return json.loads(json.dumps(fields, allow_nan=False))


def neutral_values(config: Any) -> dict[str, Any]:
    """Field -> value at which it is no part of what a run is, of those marked `Since`."""
    marked = {field.name: field.mark(Since) for field in fields_of(config)}
    return {name: since.neutral for name, since in marked.items() if since is not None}
