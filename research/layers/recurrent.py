"""Recurrent layers: a cell over time, in either direction, masked; and stacks of them for flax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from research.engine.experiment import Key
from research.layers.cells import CELLS, Cell, Others
from research.layers.dropout import dropout
from research.layers.factorisation import orthogonal
from research.layers.recurrence import Interruptions, Shares, States, by_rows, is_wide, recur


class Recurrent(NamedTuple):
    """Parameters of a layer; its gates lie side by side, in the cell's order.

    Attributes:
        input_kernel: W, float32 `[features, gates * units]`.
        input_bias: b, float32 `[gates * units]`.
        recurrent_kernel: U, float32 `[units, gates * units]`.
        others: those of the cell beside them.
    """

    input_kernel: jax.Array
    input_bias: jax.Array
    recurrent_kernel: jax.Array
    others: Others

    @property
    def units(self) -> int:
        """Of the layer."""
        return self.recurrent_kernel.shape[0]


def init_recurrent(key: Key, cell: Cell, features: int, units: int) -> Recurrent:
    """Glorot's uniform input kernel, orthogonal recurrent ones, a gate at a time.

    Sources: Glorot and Bengio 2010, eq. 16; Saxe et al. 2014 (arXiv 1312.6120).
    """
    input_key, recurrent_key = jax.random.split(key)
    bound = (6.0 / (features + units)) ** 0.5
    shape = features, cell.gates * units
    draw = orthogonal(1.0)
    square = [draw(one, (units, units)) for one in jax.random.split(recurrent_key, cell.gates)]
    return Recurrent(
        jax.random.uniform(input_key, shape, jnp.float32, -bound, bound),
        cell.init_bias(units),
        jnp.concatenate(square, axis=1),
        cell.init_others(units),
    )


def init_uniform(key: Key, cell: Cell, features: int, units: int) -> Recurrent:
    """Everything uniform in ±1/√units, as PyTorch starts its own."""
    bound = units**-0.5
    shapes = jax.eval_shape(lambda key: init_recurrent(key, cell, features, units), key)
    leaves, structure = jax.tree.flatten(shapes)
    drawn = [
        jax.random.uniform(part, leaf.shape, jnp.float32, -bound, bound)
        for part, leaf in zip(jax.random.split(key, len(leaves)), leaves, strict=True)
    ]
    started: Recurrent = jax.tree.unflatten(structure, drawn)
    return started


def resting(cell: Cell, batch: tuple[int, ...], units: int) -> States:
    """Initial states: 0, float32 `[*batch, units]` each."""
    return tuple(jnp.zeros((*batch, units)) for _ in range(cell.states))


def recurrent_step(cell: Cell, params: Recurrent, inputs: jax.Array, states: States) -> States:
    """The states after one input, float32 `[..., features]`; or int `[...]`, tokens.

    States are float32 `[..., units]` each; the first is the output. Products are with whole
    kernels: one loop after another that has a step like this would cut them into gates every time.
    """

    def shares(product: jax.Array) -> Shares:
        return tuple(jnp.split(product, cell.gates, axis=-1))

    product = _product(inputs, params.input_kernel) + params.input_bias
    projected = cell.prepare(params.others, shares(product))
    recurrent = shares(states[0] @ params.recurrent_kernel)
    return cell.step(params.others, projected, recurrent, states)


def recurrent(
    cell: Cell,
    params: Recurrent,
    inputs: jax.Array,
    states: States | None = None,
    *,
    mask: jax.Array | None = None,
    fresh: jax.Array | None = None,
    dropped: jax.Array | None = None,
    reverse: bool = False,
    segment: int = 0,
) -> tuple[jax.Array, States]:
    """A layer over a stretch of time.

    Args:
        cell: the kind.
        params: the parameters.
        inputs: float32 `[batch, time, features]`; or int `[batch, time]`, tokens, each of
            which stands for a unit vector, whose product is a row of the kernel.
        states: before the first input, float32 `[batch, units]` each; 0 if None.
        mask: bool `[batch, time]`, False at padding; None for none. There the states stay as
            they are, so that a padded sequence ends as it would alone.
        fresh: bool `[batch, time]`, whether the states before an input are 0, whatever came
            earlier; nowhere if None.
        dropped: as `research.layers.recurrence.recur` has it.
        reverse: from the last input to the first.
        segment: steps after which the states are kept for the gradient, which recomputes those
            between: memory for a layer's inner values of so many steps alone, at about
            a third more time (Chen et al. 2016, arXiv 1604.06174). It divides the steps; 0 keeps
            all.

    Returns:
        Hidden states after each input, float32 `[batch, time, units]`, each at its input's place,
        and the states after the last that is not padding. Passed as `states`, these continue the
        sequence as if uncut.
    """
    if states is None:
        states = resting(cell, inputs.shape[:1], params.units)
    if inputs.shape[1] == 1 and mask is None and fresh is None and dropped is None:
        last = recurrent_step(cell, params, inputs[:, 0], states)
        return last[0][:, None], last

    def in_turn(leaf: jax.Array) -> jax.Array:
        leaf = jnp.swapaxes(leaf, 0, 1)
        return jnp.flip(leaf, 0) if reverse else leaf

    def run(states: States, part: tuple[jax.Array, Interruptions]) -> tuple[States, jax.Array]:
        inputs, interruptions = part
        # All steps' inputs at once: only what needs the hidden state is left to the loop.
        projected = _inputs_shares(cell, params, inputs)
        kernels = tuple(jnp.split(params.recurrent_kernel, cell.gates, axis=-1))
        hidden, last = recur(
            cell.step, cell.slope, kernels, params.others, projected, states, interruptions, dropped
        )
        return last, hidden

    interruptions = Interruptions(
        None if mask is None else in_turn(~mask), None if fresh is None else in_turn(fresh)
    )
    whole = in_turn(inputs), interruptions
    if segment:
        parts = jax.tree.map(lambda leaf: leaf.reshape(-1, segment, *leaf.shape[1:]), whole)
        last, hidden = jax.lax.scan(jax.checkpoint(run), states, parts)
        hidden = hidden.reshape(-1, *hidden.shape[2:])
    else:
        last, hidden = run(states, whole)
    hidden = jnp.flip(hidden, 0) if reverse else hidden
    return jnp.swapaxes(hidden, 0, 1), last


def _product(
    inputs: jax.Array,
    kernel: jax.Array,
    multiply: Callable[[jax.Array, jax.Array], jax.Array] = jnp.matmul,
) -> jax.Array:
    """W x; a row of W where inputs are tokens."""
    return kernel[inputs] if jnp.issubdtype(inputs.dtype, jnp.integer) else multiply(inputs, kernel)


def _inputs_shares(cell: Cell, params: Recurrent, inputs: jax.Array) -> Shares:
    # A gate at a time: cut out of one array, they were fused otherwise on eight devices.
    multiply = jnp.matmul if is_wide(params.units) else by_rows
    kernels = jnp.split(params.input_kernel, cell.gates, axis=-1)
    biases = jnp.split(params.input_bias, cell.gates)
    shares = (
        _product(inputs, kernel, multiply) + bias
        for kernel, bias in zip(kernels, biases, strict=True)
    )
    return cell.prepare(params.others, tuple(shares))


class RecurrentLayers(nn.Module):
    """Recurrent layers, each fed with the outputs of the one before.

    Attributes:
        cell: name of a kind in `research.layers.cells.CELLS`.
        units: of each layer.
        bidirectional: whether each layer is two, one of which goes from the last step to the first;
            their outputs stand side by side, and so do their states.
        vocabulary: where inputs are tokens, how many different ones there are.
        segment: as `recurrent` has it.
        batch_normalisation: whether the inputs of each layer but the first are normalised over
            batch and time (Laurent et al. 2016, arXiv 1510.01378; "batch_stats" holds the running
            averages).
    """

    cell: str
    units: tuple[int, ...]
    bidirectional: bool = False
    vocabulary: int = 0
    segment: int = 0
    batch_normalisation: bool = False

    @nn.compact
    def __call__(
        self,
        inputs: jax.Array,
        states: Sequence[States] | None = None,
        *,
        mask: jax.Array | None = None,
        training: bool = False,
        dropout_rate: jax.Array | float = 0.0,
        recurrent_dropout_rate: jax.Array | float = 0.0,
    ) -> tuple[jax.Array, tuple[States, ...]]:
        """The last layer's outputs, and all layers' states.

        Args:
            inputs: float32 `[batch, time, features]`; or int `[batch, time]`, tokens.
            states: of each layer (of each direction), as they are returned; 0 if None.
            mask: as `recurrent` has it.
            training: whether to drop units, by the stream "dropout", and to normalise by the batch.
            dropout_rate: share of each layer's inputs but the first's that is dropped, anew at each
                step.
            recurrent_dropout_rate: share of the hidden state that is dropped on its way to the next
                step, the same units at each step.

        Returns:
            float32 `[batch, time, units]` (twice the units if bidirectional), and the states after
            the last step of each direction.
        """
        cell, directions = CELLS[self.cell], 2 if self.bidirectional else 1
        before = iter(states) if states is not None else None
        after: list[States] = []
        for layer, units in enumerate(self.units):
            if layer and self.batch_normalisation:
                inputs = nn.BatchNorm(use_running_average=not training, momentum=0.99)(inputs)
            if training and layer:
                key = self.make_rng("dropout")
                inputs = dropout(inputs, dropout_rate, key, mostly_zero=True)
            outputs = []
            for direction in range(directions):
                output, last = self._direction(
                    cell,
                    f"layer_{layer}" + ("_reverse" if direction else ""),
                    units,
                    inputs,
                    next(before) if before is not None else None,
                    mask,
                    recurrent_dropout_rate if training else None,
                    bool(direction),
                )
                outputs.append(output)
                after.append(last)
            inputs = jnp.concatenate(outputs, axis=-1) if directions > 1 else outputs[0]
        return inputs, tuple(after)

    def _direction(
        self,
        cell: Cell,
        name: str,
        units: int,
        inputs: jax.Array,
        states: States | None,
        mask: jax.Array | None,
        dropped_rate: jax.Array | float | None,
        reverse: bool,
    ) -> tuple[jax.Array, States]:
        features = inputs.shape[-1] if inputs.ndim == 3 else self.vocabulary
        params = self.param(name, init_recurrent, cell, features, units)
        dropped = None
        if dropped_rate is not None:
            # Drawn in any case: which keys others get does not depend on a rate.
            key = self.make_rng("dropout")
            if not (isinstance(dropped_rate, float) and dropped_rate == 0.0):
                dropped = dropout(jnp.ones((inputs.shape[0], units)), dropped_rate, key)
        return recurrent(
            cell, params, inputs, states, mask=mask, dropped=dropped, reverse=reverse,
            segment=self.segment,
        )  # fmt: skip
