"""Images per second of plain flax: `nn.Conv`, `nn.max_pool`, optax, one jitted step, a loop."""

from __future__ import annotations

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from serving import image_arguments, serve

EXAMPLES = 6400
_HE = nn.initializers.he_normal()


class Net(nn.Module):
    """The net of Géron's chapter 14."""

    @nn.compact
    def __call__(self, x: jax.Array, training: bool) -> jax.Array:
        """Logits."""
        pool = partial(nn.max_pool, window_shape=(2, 2), strides=(2, 2))
        x = pool(nn.relu(nn.Conv(64, (7, 7), kernel_init=_HE)(x)))
        for features in (128, 256):
            for _ in range(2):
                x = nn.relu(nn.Conv(features, (3, 3), kernel_init=_HE)(x))
            x = pool(x)
        x = x.reshape(x.shape[0], -1)
        for features in (128, 64):
            x = nn.relu(nn.Dense(features, kernel_init=_HE)(x))
            x = nn.Dropout(0.25, deterministic=not training)(x)
        return nn.Dense(10)(x)


def main() -> None:
    """Serve rounds."""
    options = image_arguments(__doc__ or "").parse_args()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (EXAMPLES, 28, 28, 1)).astype(np.uint8)
    labels = rng.integers(0, 10, EXAMPLES).astype(np.int32)
    net, optimizer = Net(), optax.nadam(1e-3)
    params = net.init(jax.random.key(0), jnp.zeros((1, 28, 28, 1)), False)
    state = params, optimizer.init(params)
    key = jax.random.key(1)

    @partial(jax.jit, donate_argnums=0)
    def step(
        state: Any, key: jax.Array, image: jax.Array, label: jax.Array
    ) -> tuple[Any, jax.Array]:
        params, opt_state = state

        def loss(params: Any) -> jax.Array:
            x = image.astype(jnp.float32) / 255
            logits = net.apply(params, x, True, rngs={"dropout": key})
            return optax.softmax_cross_entropy_with_integer_labels(logits, label).mean()

        value, gradient = jax.value_and_grad(loss)(params)
        updates, opt_state = optimizer.update(gradient, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), value

    done = 0

    def run(steps: int) -> None:
        nonlocal state, done
        for _ in range(steps):
            rows = rng.integers(0, EXAMPLES, options.batch)
            state, _ = step(state, jax.random.fold_in(key, done), images[rows], labels[rows])
            done += 1
        jax.block_until_ready(state)

    serve(f"flax, JAX {jax.__version__}", run, options.batch, options.seconds)


if __name__ == "__main__":
    main()
