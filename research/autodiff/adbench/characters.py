"""ADBench's LSTM: a model of characters by bits, all of whose weight matrices are diagonal.

A character is b bits. Each of l layers has hidden numbers h and cells c, `[b]`, and a weight and a
bias for each of four gates, two of which see its input x and two its own last h:

    f = σ(w_f x + b_f)   i = σ(w_i h + b_i)   o = σ(w_o x + b_o)   g = tanh(w_g h + b_g)
    c' = f c + i g       h' = o tanh(c')

The bits are scaled by a vector before the first layer. What the last gives is scaled and shifted to
y, and the loss is minus the mean of z (y - log(2 + Σ exp y)) over all bits z of the characters that
come next. The 2 is in ADBench's code.

Source: github.com/microsoft/ADBench, src/cpp/shared/lstm.h.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from research.autodiff import functions
from research.autodiff.adbench.files import Numbers
from research.autodiff.functions_in_jax import IN_JAX
from research.autodiff.operations import Value


class Text(NamedTuple):
    """A net and the text that it is to predict, in float64.

    Attributes:
        main: `[l, 2, 4, b]`, weight and bias of the gates f, i, o, g.
        extra: `[3, b]`: the scale of the input, scale and shift of the output.
        state: `[l, 2, b]`, h and c before the first character; not differentiated by.
        bits: `[characters, b]`.
    """

    main: np.ndarray
    extra: np.ndarray
    state: np.ndarray
    bits: np.ndarray

    @property
    def params(self) -> np.ndarray:
        """All that is differentiated by, as one vector: main, extra."""
        return np.concatenate([self.main.ravel(), self.extra.ravel()])


class Layer(NamedTuple):
    """A layer's parameters `[2, b]`: those of gates f and o, which see x, and of i and g."""

    weight: Value
    bias: Value
    own_weight: Value
    own_bias: Value


def unpack(params: Value, text: Text, lib: Any) -> tuple[list[Layer], Value]:
    """The layers and the extra parameters of a vector of all."""
    main = lib.reshape(params[: text.main.size], text.main.shape)
    layers = [
        Layer(main[i, 0, ::2], main[i, 1, ::2], main[i, 0, 1::2], main[i, 1, 1::2])
        for i in range(len(text.main))
    ]
    return layers, lib.reshape(params[text.main.size :], text.extra.shape)


def sigmoid(x: Value, lib: Any) -> Value:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 + 0.5 * lib.tanh(0.5 * x)


def run_cell(layer: Layer, x: Value, h: Value, c: Value, lib: Any) -> tuple[Value, Value]:
    """The layer's next h and c, `[b]`."""
    seen = sigmoid(x * layer.weight + layer.bias, lib)
    own = h * layer.own_weight + layer.own_bias
    c = seen[0] * c + sigmoid(own[0], lib) * lib.tanh(own[1])
    return seen[1] * lib.tanh(c), c


def loss_of_outputs(hidden: Value, extra: Value, bits: np.ndarray, lib: Any) -> Value:
    """The loss, from the last layer's h after each character but the last."""
    y = hidden * extra[1] + extra[2]
    norm = lib.log(lib.sum(lib.exp(y), axis=1) + 2)
    return -lib.sum(bits[1:] * (y - norm[:, None])) * (1 / bits[1:].size)


def loss(params: Value, text: Text) -> Value:
    """The loss, by a loop over the characters."""
    layers, extra = unpack(params, text, functions)
    states = [(h, c) for h, c in text.state]
    outputs = []
    for bits in text.bits[:-1]:
        x = bits * extra[0]
        for i, layer in enumerate(layers):
            h, c = states[i]
            states[i] = run_cell(layer, x, h, c, functions)
            x = states[i][0]
        outputs.append(x)
    return loss_of_outputs(functions.stack(outputs), extra, text.bits, functions)


def loss_in_jax(params: jax.Array, text: Text) -> jax.Array:
    """The loss, by a scan over the characters."""
    lib = IN_JAX
    layers, extra = unpack(params, text, lib)

    def read(states: Any, bits: jax.Array) -> tuple[Any, jax.Array]:
        x, following = bits * extra[0], []
        for layer, (h, c) in zip(layers, states, strict=True):
            following.append(run_cell(layer, x, h, c, lib))
            x = following[-1][0]
        return following, x

    start = [(jnp.asarray(h), jnp.asarray(c)) for h, c in text.state]
    _, outputs = jax.lax.scan(read, start, jnp.asarray(text.bits[:-1]))
    found: jax.Array = loss_of_outputs(outputs, extra, text.bits, lib)
    return found


class Kept(NamedTuple):
    """What a cell's step needs on the way back, each `[b]`: what it was given, and its gates."""

    x: Value
    h: Value
    c: Value
    f: Value
    i: Value
    o: Value
    g: Value
    squashed: Value


def gradient_by_hand(params: Value, text: Text) -> Value:
    """The gradient `[parameters]`, back through time as on paper.

    Sums over time are made after the loop, each in one go.
    """
    fn = functions
    layers, extra = unpack(params, text, fn)
    weights = [(*layer.weight, *layer.own_weight) for layer in layers]
    steps, states, kept, outputs = len(text.bits) - 1, [(h, c) for h, c in text.state], [], []
    for bits in text.bits[:-1]:
        x = bits * extra[0]
        for k, layer in enumerate(layers):
            h, c = states[k]
            f, o = sigmoid(x * layer.weight + layer.bias, fn)
            own = h * layer.own_weight + layer.own_bias
            i, g = sigmoid(own[0], fn), fn.tanh(own[1])
            following = f * c + i * g
            squashed = fn.tanh(following)
            kept.append(Kept(x, h, c, f, i, o, g, squashed))
            x = o * squashed
            states[k] = x, following
        outputs.append(x)
    hidden = fn.stack(outputs)
    exponentials = fn.exp(hidden * extra[1] + extra[2])
    totals = fn.sum(exponentials, axis=1, keepdims=True) + 2
    ones = np.sum(text.bits[1:], axis=1, keepdims=True)
    of_y = (exponentials * (ones / totals) - text.bits[1:]) * (1 / text.bits[1:].size)
    of_hidden = of_y * extra[1]
    nothing = np.zeros(text.bits.shape[1])
    carried: list[tuple[Value, Value]] = [(nothing, nothing)] * len(layers)
    slopes: list[tuple[Value, ...]] = []
    of_scaled: list[Value] = []
    for t in range(steps - 1, -1, -1):
        above = of_hidden[t]
        for k in range(len(layers) - 1, -1, -1):
            _, _, c, f, i, o, g, squashed = kept[len(layers) * t + k]
            of_h = above + carried[k][0]
            of_c = carried[k][1] + of_h * o * (1 - squashed * squashed)
            of_f, of_o = of_c * c * (f * (1 - f)), of_h * squashed * (o * (1 - o))
            of_i, of_g = of_c * g * (i * (1 - i)), of_c * i * (1 - g * g)
            slopes.append((of_f, of_i, of_o, of_g))
            w_f, w_o, w_i, w_g = weights[k]
            above = of_f * w_f + of_o * w_o
            carried[k] = of_i * w_i + of_g * w_g, of_c * f
        of_scaled.append(above)
    gradients = []
    for k in range(len(layers)):
        x, h = (fn.stack([step[part] for step in kept[k :: len(layers)]]) for part in range(2))
        mine = slopes[len(layers) - 1 - k :: len(layers)][::-1]
        gates = [fn.stack([step[gate] for step in mine]) for gate in range(4)]
        of_weight = (fn.sum(gate * (h if odd % 2 else x), 0) for odd, gate in enumerate(gates))
        gradients += [*of_weight, *(fn.sum(gate, 0) for gate in gates)]
    return fn.concatenate(
        [
            *gradients,
            fn.sum(fn.stack(of_scaled[::-1]) * text.bits[:-1], 0),
            fn.sum(of_y * hidden, 0),
            fn.sum(of_y, 0),
        ]
    )


def read_text(path: str) -> Text:
    """An input file: l, the number of characters, b; then main, extra, state and the bits.

    Raises:
        Mistake: it is no such file.
    """
    numbers = Numbers(path)
    (layers,) = numbers.take_counts("layers")
    (characters,) = numbers.take_counts("characters", at_least=2)
    (b,) = numbers.take_counts("bits")
    text = Text(
        numbers.take("the weights and biases", layers, 2, 4, b),
        numbers.take("the scales and the shift", 3, b),
        numbers.take("the state", layers, 2, b),
        numbers.take("the bits of the characters", characters, b),
    )
    numbers.end()
    return text
