"""Characters or series per second of plain flax: `nn.RNN` over its cells, optax, a jitted step."""

from __future__ import annotations

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from serving import sequence_arguments, serve

SYMBOLS = {"characters": 39, "transformer": 65}
SIZES = {"rnn": (32, 50), "lstm": (32, 50), "characters": (32, 100), "transformer": (12, 64)}


class Recurrent(nn.Module):
    """Two recurrent layers and a dense one."""

    kind: str

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Logits or forecasts."""
        cells = {"rnn": nn.SimpleCell, "lstm": nn.OptimizedLSTMCell, "characters": nn.GRUCell}
        units = 128 if self.kind == "characters" else 20
        for _ in range(2):
            x = nn.RNN(cells[self.kind](units))(x)
        return nn.Dense(39 if self.kind == "characters" else 10)(x)


class Transformer(nn.Module):
    """Four blocks with learned positions."""

    @nn.compact
    def __call__(self, numbers: jax.Array) -> jax.Array:
        """Logits."""
        embed = nn.Embed(65, 128)
        x = embed(numbers) + nn.Embed(64, 128)(jnp.arange(numbers.shape[1]))
        mask = nn.make_causal_mask(numbers)
        for _ in range(4):
            x = x + nn.MultiHeadDotProductAttention(4)(nn.LayerNorm()(x), mask=mask)
            x = x + nn.Dense(128)(nn.gelu(nn.Dense(512)(nn.LayerNorm()(x))))
        return embed.attend(nn.LayerNorm()(x))


def main() -> None:
    """Serve rounds."""
    options = sequence_arguments(__doc__ or "").parse_args()
    kind = options.net
    batch, time = SIZES[kind]
    symbols = SYMBOLS.get(kind, 0)
    rng = np.random.default_rng(0)
    net: Any = Transformer() if kind == "transformer" else Recurrent(kind)
    if symbols:
        text = rng.integers(0, symbols, (2000, time + 1)).astype(np.int32)
        given, wanted = text[:, :-1], text[:, 1:]
    else:
        given = rng.normal(size=(7000, time, 1)).astype(np.float32)
        wanted = rng.normal(size=(7000, time, 10)).astype(np.float32)

    def shown(rows: jax.Array) -> jax.Array:
        return jax.nn.one_hot(rows, symbols) if kind == "characters" else rows

    params = net.init(jax.random.key(0), shown(jnp.asarray(given[:1])))
    rule = optax.adamw(1e-3) if kind == "transformer" else optax.adam(1e-3)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), rule)
    state: Any = params, optimizer.init(params)

    @partial(jax.jit, donate_argnums=0)
    def step(state: Any, rows: jax.Array, targets: jax.Array) -> Any:
        params, opt_state = state

        def loss(params: Any) -> jax.Array:
            said = net.apply(params, shown(rows))
            if symbols:
                return optax.softmax_cross_entropy_with_integer_labels(said, targets).mean()
            return jnp.mean(jnp.square(said - targets))

        updates, opt_state = optimizer.update(jax.grad(loss)(params), opt_state, params)
        return optax.apply_updates(params, updates), opt_state

    def run(steps: int) -> None:
        nonlocal state
        for _ in range(steps):
            chosen = rng.integers(0, len(given), batch)
            state = step(state, given[chosen], wanted[chosen])
        jax.block_until_ready(state)

    serve(f"flax, JAX {jax.__version__}", run, batch * time if symbols else batch, options.seconds)


if __name__ == "__main__":
    main()
