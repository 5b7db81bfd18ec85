"""Each part that was written by hand against its library, on California's districts.

The loss, layer, activation, initialiser, penalty, constraint and optimiser of `tour/custom_parts`,
their gradients, and the whole net, beside those of optax, flax and JAX: `.../difference` is the
largest difference of any number, and `unlike` counts the parts that differ by more than 1e-5. Layer
normalisation is that of the unscaled training districts, as in the book, whose largest features are
thousands: by hand it has the bits of flax's with `use_fast_variance=False`, and `mean_difference`
is how far it is from flax's as it is. Of the streaming metric, the median error,
`streaming/results` is how many results there are over eight ways to cut the split into padded
batches; the control, a mean of the batches' medians, has another for nearly each.

Run: python launch.py run tour/parts_by_hand
Expected: unlike 0, momentum/different 0 in any bit of 100 steps, streaming/results 1,
    layer_norm/difference 0, layer_norm/mean_difference 2e-8 (the book: 5.6e-8)
Time: 3 s
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.tour.custom_parts import apply, init
from research.data.districts import book_rows, features_of, read_districts
from research.data.order import in_file_order
from research.data.sources.arrays import ArraySource
from research.engine.artifacts import Lines, Passages
from research.engine.experiment import Data, Key
from research.options.ranges import COUNT
from research.study import Findings, Study, spell_table
from research.tour import streaming
from research.tour.housing import read_housing
from research.tour.layers import glorot_normal, layer_norm, softplus, stable_softplus
from research.tour.losses import absolute_penalty, huber, made_nonnegative
from research.tour.optimizers import momentum

TOLERANCE = 1e-5
"""Parts that are further apart are unlike."""
UNITS = 30
BATCHES = (16, 31, 64, 100, 512, 1000, 3870, 5000)
"""Sizes of batches that the validation split is cut into."""


class Pair(NamedTuple):
    """A part, and the same of a library.

    Attributes:
        ours: what was computed by hand.
        theirs: by the library.
        library: its name there.
    """

    ours: Any
    theirs: Any
    library: str

    @property
    def difference(self) -> float:
        """The largest of any number."""
        return float(max(np.abs(a - b).max() for a, b in self._leaves()))

    @property
    def different(self) -> float:
        """Numbers that differ in any bit."""
        return float(sum((a.view(np.uint32) != b.view(np.uint32)).sum() for a, b in self._leaves()))

    @property
    def numbers(self) -> int:
        """How many there are."""
        return sum(ours.size for ours, _ in self._leaves())

    def _leaves(self) -> Sequence[tuple[np.ndarray, np.ndarray]]:
        both = jax.device_get((self.ours, self.theirs))
        return [*zip(*map(jax.tree.leaves, both), strict=True)]


class Drawn(NamedTuple):
    """What the seed decides.

    Attributes:
        key: data of the key that both initialisers are given.
        params: of the net of `tour/custom_parts`.
    """

    key: jax.Array
    params: Any


@dataclass(frozen=True)
class PartsByHand(Study):
    """Options."""

    steps: Annotated[int, "steps of both optimisers", COUNT] = 100

    @property
    def headline(self) -> str:
        """Parts that are not like those of the libraries."""
        return "unlike"

    def smoke(self) -> Self:
        """Few steps."""
        return replace(self, steps=3)

    def draw(self, key: Key) -> Drawn:
        """A key and a net."""
        first, second = jax.random.split(key)
        return Drawn(jax.random.key_data(first), init(second, UNITS))

    def data(self) -> Data:
        """Districts to validate on, and those to train on, unscaled."""
        validation = ArraySource(
            "validation, as in the book", read_housing()["validation"]._asdict()
        )
        unscaled = ArraySource("training districts, unscaled", {"x": unscaled_districts()})
        return Data({"validation": validation, "unscaled": unscaled})

    def find(self, drawn: Drawn, data: Mapping[str, Any]) -> Findings:
        """Each part beside the library's."""
        x, y = (jnp.asarray(data["validation"][name]) for name in "xy")
        norm = norms(data["unscaled"]["x"])
        pairs = {
            **values_and_slopes(drawn, x, y),
            "glorot": initialised(drawn.key),
            "layer_norm": Pair(norm.ours, norm.exact_variance, "flax.linen.LayerNorm"),
            "momentum": optimised(drawn.params, x, y, self.steps),
        }
        cut = streamed(drawn.params, x, y)
        unlike = [name for name, pair in pairs.items() if not pair.difference <= TOLERANCE]
        figures = {
            "unlike": float(len(unlike)),
            **{f"{name}/difference": pair.difference for name, pair in pairs.items()},
            "layer_norm/mean_difference": norm.apart(norm.fast_variance),
            "momentum/different": pairs["momentum"].different,
            "streaming/results": float(len({*cut.medians})),
            "streaming/means_of_medians": float(len({*cut.means})),
            "streaming/median": cut.medians[0],
            "streaming/exact_median": cut.exact,
        }
        rows = [
            (name.replace("_", " "), pair.library, pair.numbers, int(pair.different),
             pair.difference)
            for name, pair in pairs.items()
        ]  # fmt: skip
        head = ("by hand", "beside", "numbers", "differ", "at most by")
        parts = Passages(
            "Parts by hand, and those of libraries",
            (spell_table(head, rows), norm_table(norm), softplus_table()),
            (
                "values and gradients",
                "layer normalisation of unscaled districts: by hand, and in float64",
                "softplus at its ends and in its middle",
            ),
            f"Unlike: {', '.join(unlike)}." if unlike else "",
        )
        lines = Lines(
            "The median error of a split, by the size of its batches",
            np.log2(BATCHES),
            np.array([[cut.medians, cut.means, [cut.exact] * len(BATCHES)]]),
            ("streaming", "mean of the batches' medians", "of the whole split"),
            "log₂ of the batch size",
            note="In units of 100,000 dollars, of a net that has not learned yet.",
        )
        return Findings(figures, {"parts": parts, "streaming": lines})


def unscaled_districts() -> np.ndarray:
    """Those to train on where nothing is missing, float32 `[districts, features]`."""
    columns = read_districts()
    rows = features_of(columns)[book_rows(len(columns["latitude"]))["train"]]
    return rows[~np.isnan(rows).any(axis=1)].astype(np.float32)


def values_and_slopes(drawn: Drawn, x: jax.Array, y: jax.Array) -> dict[str, Pair]:
    """Functions and their gradients."""
    predicted = apply(drawn.params, x)
    numbers = jnp.concatenate([jnp.linspace(-20.0, 20.0, 1001), jnp.array([-1000.0, 0.0, 1000.0])])
    kernel, output = drawn.params["hidden"]["kernel"], drawn.params["output"]
    # Both signs: the output's own weights are positive already.
    signed = {**output, "kernel": output["kernel"] - 0.2}

    def both(ours: Callable, theirs: Callable, library: str, at: Any) -> Pair:
        by_hand, by_library = (jax.jit(_with_slope(each))(at) for each in (ours, theirs))
        return Pair(by_hand, by_library, library)

    return {
        "huber": both(
            lambda at: huber(at, y), lambda at: optax.huber_loss(at, y), "optax.huber_loss",
            predicted,
        ),
        "softplus": both(softplus, jax.nn.softplus, "jax.nn.softplus", numbers),
        "penalty": both(
            lambda at: absolute_penalty(at, 0.01),
            lambda at: 0.01 * optax.tree.norm(at, ord=1),
            "optax.tree.norm(ord=1)",
            kernel,
        ),
        "constraint": Pair(
            made_nonnegative(signed)["kernel"],
            optax.projections.projection_non_negative(signed["kernel"]),
            "optax.projections.projection_non_negative",
        ),
        "net": both(
            lambda params: apply(params, x), lambda params: twin(params, x), "flax.linen",
            drawn.params,
        ),
    }  # fmt: skip


def _with_slope(function: Callable[[Any], jax.Array]) -> Callable[[Any], Any]:
    return lambda at: (function(at), jax.grad(lambda at: jnp.mean(function(at)))(at))


def twin(params: Any, x: Any) -> jax.Array:
    """The net of `tour/custom_parts` from flax's layers, with the same parameters."""
    net = nn.Sequential([nn.Dense(UNITS), nn.LayerNorm(), nn.softplus, nn.Dense(1)])
    names = zip(("layers_0", "layers_1", "layers_3"), ("hidden", "norm", "output"), strict=True)
    return net.apply({"params": {theirs: params[ours] for theirs, ours in names}}, x)[:, 0]


def initialised(key: Any) -> Pair:
    """Weights of both initialisers from one key."""
    wrapped, shape = jax.random.wrap_key_data(jnp.asarray(key)), (300, 100)
    theirs = nn.initializers.glorot_normal()(wrapped, shape)
    return Pair(glorot_normal(wrapped, shape), theirs, "flax.linen.initializers.glorot_normal")


def norm_table(norm: Norms) -> str:
    """How far each is from float64."""
    ways = {
        "by hand": norm.ours,
        "flax, use_fast_variance=False": norm.exact_variance,
        "flax": norm.fast_variance,
    }
    rows = []
    for name, found in ways.items():
        error = np.abs(found - norm.exact)
        rows.append((name, norm.apart(found), float(error.mean()), float(error.max())))
    return spell_table(("", "mean difference from by hand", "mean error", "largest error"), rows)


def softplus_table() -> str:
    """Values and slopes of four ways to write it."""
    ways: Mapping[str, Callable[[jax.Array], jax.Array]] = {
        "log(1 + exp(x))": lambda x: jnp.log(1 + jnp.exp(x)),
        "max(x, 0) + log1p(exp(-|x|))": stable_softplus,
        "the same, with a derivative of its own": softplus,
        "jax.nn.softplus": jax.nn.softplus,
    }
    places = jnp.float32(100.0), jnp.float32(0.0)
    rows = [
        (name, *(float(g(place)) for place in places for g in (f, jax.grad(f))))
        for name, f in ways.items()
    ]
    return spell_table(("", "at 100", "its slope", "at 0", "its slope"), rows)


class Norms(NamedTuple):
    """Layer normalisation of the same districts, `[districts, features]`.

    Attributes:
        ours: by hand.
        exact_variance: by flax, with `use_fast_variance=False`.
        fast_variance: by flax as it is: E[x²] - E[x]², which costs digits.
        exact: in float64.
    """

    ours: np.ndarray
    exact_variance: np.ndarray
    fast_variance: np.ndarray
    exact: np.ndarray

    def apart(self, found: np.ndarray) -> float:
        """The mean absolute difference from that by hand."""
        return float(np.mean(np.abs(found - self.ours), dtype=np.float64))


def norms(x: np.ndarray) -> Norms:
    """Of float32 `[districts, features]`, by hand, by flax and in float64."""
    features = x.shape[-1]
    params = {"scale": jnp.ones(features), "bias": jnp.zeros(features)}

    def by_flax(use_fast_variance: bool) -> jax.Array:
        layer = nn.LayerNorm(use_fast_variance=use_fast_variance)
        return jax.jit(lambda x: layer.apply({"params": params}, x))(x)

    wide = x.astype(np.float64)
    off = wide - wide.mean(axis=1, keepdims=True)
    exact = off / np.sqrt((off**2).mean(axis=1, keepdims=True) + 1e-6)
    by_hand = jax.jit(layer_norm)(params, x)
    return Norms(*map(np.asarray, (by_hand, by_flax(False), by_flax(True), exact)))


def optimised(params: Any, x: jax.Array, y: jax.Array, steps: int) -> Pair:
    """Parameters after some steps of both optimisers, from one start down one loss."""

    def after(optimizer: optax.GradientTransformation) -> Any:
        def step(_: Any, state: tuple[Any, Any]) -> tuple[Any, Any]:
            params, memory = state
            gradient = jax.grad(lambda params: jnp.mean(huber(apply(params, x), y)))(params)
            changes, memory = optimizer.update(gradient, memory)
            return optax.apply_updates(params, changes), memory

        start = params, optimizer.init(params)
        return jax.jit(lambda start: jax.lax.fori_loop(0, steps, step, start)[0])(start)

    return Pair(after(momentum(0.01, 0.9)), after(optax.sgd(0.01, momentum=0.9)), "optax.sgd")


class Streamed(NamedTuple):
    """The median error of a split by the sizes of `BATCHES`.

    Attributes:
        medians: of the counts that batches add up to.
        means: the mean of the medians of batches, padding left out.
        exact: the median by NumPy.
    """

    medians: list[float]
    means: list[float]
    exact: float


def streamed(params: Any, x: jax.Array, y: jax.Array) -> Streamed:
    """Cuts the split in all ways."""
    predicted, value = np.asarray(jax.jit(apply)(params, x)), np.asarray(y)
    size = np.abs(predicted - value)
    count = jax.jit(streaming.count_errors)
    medians, means = [], []
    for batch_size in BATCHES:
        total, parts = streaming.ErrorCounts(jnp.zeros(streaming.BINS)), []
        for rows, weight in in_file_order(len(value), batch_size):
            total = streaming.merge(total, count(predicted[rows], value[rows], weight))
            parts.append(float(np.median(size[rows][weight > 0])))
        medians.append(float(streaming.median_error(total)))
        means.append(float(np.mean(parts)))
    return Streamed(medians, means, float(np.median(size)))


config = PartsByHand()
