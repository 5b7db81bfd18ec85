"""Prediction: what a trained state makes of inputs as a user has them, by one pure function.

`Experiment.offers["predict"]` of every experiment that predicts is a `Predictor`. The command
`predict` rests on it, and so does whatever takes a model elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from research.engine.experiment import Batch, State

if TYPE_CHECKING:
    from research.data.text import Vocabulary

Inputs: TypeAlias = Mapping[str, Any]
"""Name -> array `[batch, ...]`, as a user has it: pixels, tokens, values in a unit."""
Outputs: TypeAlias = dict[str, jax.Array]
"""Name -> array `[batch, ...]`."""


class Classes(NamedTuple):
    """How a classifier's outputs read: `probability` `[batch, classes]`, 1 in sum.

    Attributes:
        names: () -> what the classes are called. May raise `Mistake`: where the names are the data
            set's own, it must be prepared.
    """

    names: Callable[[], tuple[str, ...]]


class Values(NamedTuple):
    """How a forecaster's outputs read: `mean` `[batch, places]`, and `low` and `high` around it.

    The last two are there where the net learns an interval; nine values in ten lie within.

    Attributes:
        name: of what is forecast.
        horizon: the last so many of the places follow the input. Where there are others, each is
            the forecast of a value of the input from those before it.
    """

    name: str
    horizon: int = 1


class Quantities(NamedTuple):
    """How a regression's outputs read: `mean` `[batch, quantities]`, what each is expected to be.

    Attributes:
        names: of the quantities, each with its unit.
    """

    names: tuple[str, ...]


class Actions(NamedTuple):
    """How a policy's outputs read: `action`, the one that it takes when it does not draw one.

    It is in the environment's own unit, int32 `[batch]` or float32 `[batch, size]`. Beside it
    stands what else may be drawn: of discrete actions the `probability` `[batch, actions]`, of
    vectors `low` and `high` `[batch, size]`, within which nine in ten lie, each number by itself.

    Attributes:
        environment: what it acts in, with any wrappers.
        names: of discrete actions, in order, numbers where they have no names; () of vectors.
        bounds: of vectors, the lowest and the highest of each number; () of discrete actions.
    """

    environment: str
    names: tuple[str, ...] = ()
    bounds: tuple[tuple[float, float], ...] = ()


class Tokens(NamedTuple):
    """How a language model's outputs read: `logits` `[batch, symbols]` of the token that follows.

    Attributes:
        symbols: what tokens stand for, each in the place that is its token.
        unit: what a symbol is.
        lower: whether a text is made lower-case before it is read.
    """

    symbols: tuple[str, ...]
    unit: Literal["characters", "notes"] = "characters"
    lower: bool = False


class Translations(NamedTuple):
    """How a translator's outputs read: `tokens` `[batch, target_length]`, each the likeliest.

    A text is over at the first `END`; what follows is padding.

    Attributes:
        source: makes `source` `[batch, source_length]` of texts, as `Vocabulary.describe` says.
        target: makes texts of `tokens`.
    """

    source: Vocabulary
    target: Vocabulary


class Pictures(NamedTuple):
    """How an autoencoder's outputs read: `image` `[batch, height, width, channels]` from 0 to 1.

    It is what the net makes of the input `image`, of the same shape.

    Attributes:
        white: the value of an input's pixel that is 1 in the output.
    """

    white: int


Kind: TypeAlias = Classes | Values | Quantities | Actions | Tokens | Translations | Pictures


class Own(NamedTuple):
    """An input of a user's own.

    Attributes:
        name: what a table calls it.
        inputs: name -> array `[1, ...]`; `[1, time, ...]` for a predictor with `carried`.
        note: what was done to make it fit, or "".
    """

    name: str
    inputs: Inputs
    note: str = ""


class Predictor(NamedTuple):
    """What predicts.

    Attributes:
        apply: (state, inputs) -> outputs: pure, and traceable at any batch size, a symbolic one of
            `jax.export` too. All preprocessing is inside, and the parameters are those that
            `evaluate` uses.
        examples: inputs of a batch of one, by shape and dtype; those `carried` among them.
        outputs: how they read.
        split: (batch of an evaluated split, on the host) -> its inputs, and what is true of them:
            labels int `[batch]`, values `[batch, places]`, or tokens `[batch, time]`. None where
            there are no data.
        read: (word of a command line: a file, or the input itself) -> an input. Raises `Mistake`.
        takes: what `read` takes, for people.
        carried: inputs that are, at the next call, the outputs of the same name, and 0 at the
            first: what is remembered of a text, or of an episode. By shape and dtype as
            `examples`. What `split`, `read` and `meet` give has none of them, and in all else an
            axis of time after that of the batch: `apply` is called for each step of it.
        meet: (state, count) -> so many inputs that it comes upon in its environment: the first of
            an episode, always the same one. None where there is no environment.
        margin: (state, inputs) -> how much more probable than every other the choice was at each
            place of a text that `apply` writes by itself, float32 `[batch, places]`. None where it
            writes none.
        missing: whether NaN stands for a number of its inputs that is not known, null in JSON.
        categories: inputs that a user has as texts -> these: a text's place is what the input
            holds, float32, and of every other text the number after the last.
    """

    apply: Callable[[State, Inputs], Outputs]
    examples: Mapping[str, jax.ShapeDtypeStruct]
    outputs: Kind
    split: Callable[[Batch], tuple[Inputs, np.ndarray]] | None
    read: Callable[[str], Own]
    takes: str
    carried: Mapping[str, jax.ShapeDtypeStruct] = MappingProxyType({})
    meet: Callable[[State, int], Inputs] | None = None
    margin: Callable[[State, Inputs], jax.Array] | None = None
    missing: bool = False
    categories: Mapping[str, tuple[str, ...]] = MappingProxyType({})


class Carried(NamedTuple):
    """A memory, any pytree, as named inputs and outputs.

    Attributes:
        shapes: name -> shape and dtype, of a batch of one, in the order of the leaves.
        tree: what they are leaves of.
    """

    shapes: dict[str, jax.ShapeDtypeStruct]
    tree: jax.tree_util.PyTreeDef

    @classmethod
    def of(cls, name: str, memory: Any) -> Carried:
        """The memory of one row, leaves without an axis of the batch; None for no memory.

        A leaf is called by its place: `memory_policy`, `memory_0_1`.
        """
        leaves, tree = jax.tree_util.tree_flatten_with_path(memory)
        return cls(
            {
                "_".join([name, *(_key(part) for part in path)]): jax.ShapeDtypeStruct(
                    (1, *leaf.shape), leaf.dtype
                )
                for path, leaf in leaves
            },
            tree,
        )

    def join(self, inputs: Inputs) -> Any:
        """The memory among some inputs."""
        return jax.tree.unflatten(self.tree, [inputs[name] for name in self.shapes])

    def split(self, memory: Any) -> Outputs:
        """The memory as outputs."""
        return dict(zip(self.shapes, jax.tree.leaves(memory), strict=True))


def _key(part: Any) -> str:
    return jax.tree_util.keystr((part,), simple=True)


ROWS = 32
"""Rows that one call of the compiled program takes at most."""


def place_of(text: str | None, categories: tuple[str, ...]) -> int:
    """What `Predictor.categories` makes of a text; None, which is not known, is as an empty one."""
    try:
        return categories.index(text or "")
    except ValueError:
        return len(categories)


def by_rows(predictor: Predictor) -> Callable[[State, Inputs], dict[str, np.ndarray]]:
    """(state, inputs) -> outputs on the host: `apply` to one row after the other, compiled once.

    So a row's outputs have the same bits whatever stands beside it, in one call or in several. In
    a batch they need not: a program for another number of rows may round otherwise, and so may the
    last places of one, where vectors of the processor are not filled. All that answers for a model
    goes this way. Inputs have one row at least, and dtypes that become those of `examples` without
    loss of kind (TypeError otherwise).
    """

    @jax.jit
    def compiled(state: State, rows: Inputs, count: jax.Array) -> Outputs:
        def one(place: jax.Array) -> Outputs:
            row = {name: jax.lax.dynamic_slice_in_dim(rows[name], place, 1) for name in rows}
            return {name: leaf[0] for name, leaf in predictor.apply(state, row).items()}

        def add(place: jax.Array, made: Outputs) -> Outputs:
            return {name: made[name].at[place].set(leaf) for name, leaf in one(place).items()}

        shapes = jax.eval_shape(one, jnp.int32(0))
        empty = {name: jnp.zeros((ROWS, *one.shape), one.dtype) for name, one in shapes.items()}
        return jax.lax.fori_loop(0, count, add, empty)

    def predict(state: State, inputs: Inputs) -> dict[str, np.ndarray]:
        arrays = {
            name: np.asarray(inputs[name]).astype(one.dtype, casting="same_kind", copy=False)
            for name, one in predictor.examples.items()
        }
        blocks = []
        for at in range(0, len(next(iter(arrays.values()))), ROWS):
            part = {name: array[at : at + ROWS] for name, array in arrays.items()}
            count = len(next(iter(part.values())))
            filled = {
                name: np.pad(array, [(0, ROWS - count), *[(0, 0)] * (array.ndim - 1)])
                for name, array in part.items()
            }
            made = jax.device_get(compiled(state, filled, np.int32(count)))
            blocks.append({name: leaf[:count] for name, leaf in made.items()})
        return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}

    return predict


def at_first(predictor: Predictor, count: int) -> dict[str, np.ndarray]:
    """The carried inputs of so many rows before their first step: 0."""
    return {
        name: np.zeros((count, *one.shape[1:]), one.dtype)
        for name, one in predictor.carried.items()
    }


def over_time(
    predictor: Predictor, predict: Callable[[State, Inputs], Mapping[str, np.ndarray]]
) -> Callable[[State, Inputs], Iterator[Mapping[str, np.ndarray]]]:
    """(state, inputs `[batch, time, ...]`) -> the outputs of each step, memory carried between."""

    def each(state: State, inputs: Inputs) -> Iterator[Mapping[str, np.ndarray]]:
        rows, length = next(iter(inputs.values())).shape[:2]
        carried: Mapping[str, np.ndarray] = at_first(predictor, rows)
        for place in range(length):
            step = {name: array[:, place] for name, array in inputs.items()}
            outputs = predict(state, {**step, **carried})
            carried = {name: outputs[name] for name in predictor.carried}
            yield outputs

    return each
