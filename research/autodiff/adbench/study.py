"""Studies of ADBench's problems: each way to a derivative beside that written by hand."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, NamedTuple, Self

import jax
import numpy as np

from research.autodiff.counting import count_operations
from research.autodiff.differences import gradient
from research.autodiff.forward import jvp
from research.autodiff.operations import Value
from research.autodiff.reverse import grad
from research.autodiff.timing import shortest_seconds
from research.engine.artifacts import Artifact, Passages
from research.engine.experiment import Experiment
from research.options.ranges import PATH, flag
from research.study import Findings, Study, spell_table

BY_HAND, DIFFERENCES = "by_hand", "central_differences"
TOLERANCE = {DIFFERENCES: 1e-6}
"""Of an error; by other ways 1e-8. As in ADBench."""


class Way(NamedTuple):
    """A way to a problem's derivatives.

    Attributes:
        compute: gives the derivatives, float64.
        function: gives the function's value, in the same library.
        operations: of all derivatives over those of the function, counted; None where they are not.
        places: which of the derivatives by hand it gives; None where it gives all.
    """

    compute: Callable[[], np.ndarray]
    function: Callable[[], object]
    operations: float | None = None
    places: np.ndarray | None = None


def errors(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """|x - y| / max(1, |x| + |y|) of each derivative: ADBench's."""
    return np.abs(found - expected) / np.maximum(1, np.abs(found) + np.abs(expected))


@dataclass(frozen=True)
class ADBenchStudy(Study):
    """A problem of ADBench: what each way finds, and what it costs beside the function.

    `.../different` is how many derivatives are further from those by hand than ADBench allows;
    `.../operations` is what all derivatives take over the operations of the function.
    """

    file: Annotated[
        str, "one of ADBench's input files for this problem, instead of random numbers", PATH
    ] = ""

    @property
    def headline(self) -> str:
        """What reverse mode takes over the function."""
        return "reverse/operations"

    @abstractmethod
    def ways(self, drawn: Any) -> Mapping[str, Way]:
        """All ways to the derivatives, the first by hand."""

    @abstractmethod
    def read(self) -> Any:
        """The problem in the file.

        Raises:
            Mistake: it is none of this kind.
        """

    def own_files(self) -> dict[str, str]:
        """The file."""
        return {"file": self.file} if self.file else {}

    def problems(self) -> list[str]:
        """A file has sizes of its own."""
        sizes = [each for each in fields(self) if each.name not in ("file", "entries")]
        changed = [each.name for each in sizes if getattr(self, each.name) != each.default]
        if self.file and changed:
            return [f"--file has sizes of its own: leave out {', '.join(map(flag, changed))}"]
        return super().problems()

    def make(self) -> Experiment:
        """As every study; what is wrong with the file is found at once."""
        if self.file:
            self.read()
        return super().make()

    def smoke(self) -> Self:
        """The same of a file; of random numbers, few of them."""
        return self if self.file else self.small()

    @abstractmethod
    def small(self) -> Self:
        """Random numbers of a small size."""

    def find(self, drawn: Any, data: Mapping[str, Any]) -> Findings:
        """Compares all ways."""
        del data
        with jax.enable_x64(True):
            ways = self.ways(drawn)
            found = {name: way.compute() for name, way in ways.items()}
        by_hand = found[BY_HAND]
        figures = self.count(drawn)
        rows = []
        for name, way in ways.items():
            expected = by_hand if way.places is None else by_hand[way.places]
            worst = errors(found[name], expected)
            allowed = TOLERANCE.get(name, 1e-8)
            if name != BY_HAND:
                figures[f"{name}/different"] = float(np.sum(~(worst < allowed)))
            if way.operations is not None:
                figures[f"{name}/operations"] = way.operations
            rows.append((name, len(worst), float(worst.max()), allowed, _or_none(way.operations)))
        head = ("way", "derivatives", "largest error", "allowed", "operations")
        table = Passages(
            "Derivatives beside those by hand",
            (spell_table(head, rows),),
            note="Errors: |x - y| / max(1, |x| + |y|). Operations: of all derivatives, over those "
            "of the function.",
        )
        return Findings(figures, {"errors": table})

    def count(self, drawn: Any) -> dict[str, float]:
        """Figures of the problem itself."""
        del drawn
        return {}

    def time(self, drawn: Any) -> Mapping[str, Artifact]:
        """Milliseconds of the function and of its derivatives, of ways that give all of them."""
        seconds: dict[Callable[[], object], float] = {}
        rows = []
        with jax.enable_x64(True):
            for name, way in self.ways(drawn).items():
                if way.places is not None:
                    continue
                if way.function not in seconds:
                    seconds[way.function] = shortest_seconds(way.function)
                alone, taken = seconds[way.function], shortest_seconds(way.compute)
                times = f"{1e3 * alone:.3g}", f"{1e3 * taken:.3g}", f"{taken / alone:.3g}"
                rows.append((name, *times))
        table = Passages(
            "Time on this machine",
            (spell_table(("way", "function, ms", "derivatives, ms", "times as long"), rows),),
            note="The shortest of five samples of 20 ms and more; no part of a run's figures.",
        )
        return {"times": table}


def gradient_ways(
    function: Callable[[Value], Value],
    by_hand: Callable[[Value], Value],
    in_jax: Callable[[jax.Array], jax.Array],
    params: np.ndarray,
    entries: int,
) -> dict[str, Way]:
    """All ways to a gradient; those of a pass for each parameter are asked for some of them.

    Args:
        function: of the parameters, written in `research.autodiff.functions`.
        by_hand: its gradient.
        in_jax: the function in JAX.
        params: `[parameters]`.
        entries: by how many parameters forward mode and differences differentiate.
    """
    n = len(params)
    places = np.unique(np.linspace(0, n - 1, min(entries, n)).round().astype(int))
    alone = count_operations(function, params)
    one_pass = count_operations(lambda x, t: jvp(function, (x,), (t,)), params, np.ones(n))

    def value() -> Value:
        return function(params)

    def by_forward_mode() -> np.ndarray:
        units = (np.arange(n) == place for place in places)
        return np.array([jvp(function, (params,), (unit.astype(float),))[1] for unit in units])

    def by_differences() -> np.ndarray:
        def moved(some: np.ndarray) -> Value:
            whole = params.copy()
            whole[places] = some
            return function(whole)

        return gradient(moved, params[places], "central")

    compiled, its_gradient = jax.jit(in_jax), jax.jit(jax.grad(in_jax))
    return {
        BY_HAND: Way(lambda: by_hand(params), value, count_operations(by_hand, params) / alone),
        "reverse": Way(
            lambda: grad(function)(params), value, count_operations(grad(function), params) / alone
        ),
        "forward": Way(by_forward_mode, value, n * one_pass / alone, places),
        DIFFERENCES: Way(by_differences, value, 2 * n * (alone + 1) / alone, places),
        "jax": Way(
            lambda: np.asarray(its_gradient(params)),
            lambda: jax.block_until_ready(compiled(params)),
        ),
    }


def _or_none(operations: float | None) -> str:
    return "" if operations is None else f"{operations:.6g}"
