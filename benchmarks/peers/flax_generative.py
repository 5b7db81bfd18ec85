"""Images per second of plain flax: autoencoders, a GAN and a diffusion, one jitted step, a loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from serving import generative_arguments, serve

EXAMPLES = 6400
Step = Callable[[Any, jax.Array, jax.Array], Any]
"""(state, key, images in [0, 1]) -> state."""


class Dense(nn.Module):
    """Dense layers, SELU between."""

    widths: Sequence[int]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Linear at the end."""
        for width in self.widths[:-1]:
            x = nn.selu(nn.Dense(width)(x))
        return nn.Dense(self.widths[-1])(x)


def cross_entropy(logits: jax.Array, image: jax.Array) -> jax.Array:
    """A mean over pixels."""
    return optax.sigmoid_binary_cross_entropy(logits, image).mean()


def stacked() -> tuple[Any, Step]:
    """784-100-30-100-784, SGD."""
    encoder, decoder, optimizer = Dense((100, 30)), Dense((100, 784)), optax.sgd(1.5)
    params = (
        encoder.init(jax.random.key(0), jnp.zeros((1, 784))),
        decoder.init(jax.random.key(1), jnp.zeros((1, 30))),
    )

    def step(state: Any, key: jax.Array, image: jax.Array) -> Any:
        params, opt_state = state
        flat = image.reshape(len(image), -1)

        def loss(params: Any) -> jax.Array:
            code = nn.selu(encoder.apply(params[0], flat))
            return cross_entropy(decoder.apply(params[1], code), flat)

        updates, opt_state = optimizer.update(jax.grad(loss)(params), opt_state)
        return optax.apply_updates(params, updates), opt_state

    return (params, optimizer.init(params)), step


def vae() -> tuple[Any, Step]:
    """784-150-100-10 and back, RMSprop."""
    encoder, decoder, optimizer = (
        Dense((150, 100, 20)), Dense((100, 150, 784)), optax.rmsprop(1e-3),
    )  # fmt: skip
    params = (
        encoder.init(jax.random.key(0), jnp.zeros((1, 784))),
        decoder.init(jax.random.key(1), jnp.zeros((1, 10))),
    )

    def step(state: Any, key: jax.Array, image: jax.Array) -> Any:
        params, opt_state = state
        flat = image.reshape(len(image), -1)

        def loss(params: Any) -> jax.Array:
            mean, log_variance = jnp.split(encoder.apply(params[0], flat), 2, axis=1)
            code = mean + jnp.exp(0.5 * log_variance) * jax.random.normal(key, mean.shape)
            each = 0.5 * (mean**2 + jnp.exp(log_variance) - 1 - log_variance).sum(1)
            return cross_entropy(decoder.apply(params[1], code), flat) + each.mean() / 784

        updates, opt_state = optimizer.update(jax.grad(loss)(params), opt_state)
        return optax.apply_updates(params, updates), opt_state

    return (params, optimizer.init(params)), step


class Made(nn.Module):
    """The generator of `generative/dcgan`."""

    @nn.compact
    def __call__(self, code: jax.Array) -> jax.Array:
        """Images."""
        x = nn.Dense(7 * 7 * 128)(code).reshape(len(code), 7, 7, 128)
        for features in (64, 1):
            x = nn.relu(nn.BatchNorm(use_running_average=False)(x))
            x = nn.ConvTranspose(features, (5, 5), (2, 2))(x)
        return nn.sigmoid(x)


class Judged(nn.Module):
    """The discriminator of `generative/dcgan`."""

    @nn.compact
    def __call__(self, image: jax.Array) -> jax.Array:
        """Logits."""
        x = 2 * image - 1
        for features in (64, 128):
            x = nn.leaky_relu(nn.Conv(features, (5, 5), (2, 2))(x), 0.2)
        return nn.Dense(1)(x.reshape(len(x), -1))


def dcgan() -> tuple[Any, Step]:
    """Both sides, Adam."""
    generator, discriminator, optimizer = Made(), Judged(), optax.adam(2e-4, b1=0.5)
    made = generator.init(jax.random.key(0), jnp.zeros((2, 100)))
    judged = discriminator.init(jax.random.key(1), jnp.zeros((1, 28, 28, 1)))
    state = (
        made["params"], optimizer.init(made["params"]), made["batch_stats"],
        judged, optimizer.init(judged),
    )  # fmt: skip

    def step(state: Any, key: jax.Array, image: jax.Array) -> Any:
        params, opt_state, stats, judge, judge_state = state
        keys = jax.random.split(key)

        def generate(params: Any, key: jax.Array) -> Any:
            code = jax.random.normal(key, (len(image), 100))
            variables = {"params": params, "batch_stats": stats}
            return generator.apply(variables, code, mutable=["batch_stats"])

        def judging(judge: Any) -> jax.Array:
            true = discriminator.apply(judge, image)
            false = discriminator.apply(judge, generate(params, keys[0])[0])
            return jax.nn.softplus(-true).mean() + jax.nn.softplus(false).mean()

        updates, judge_state = optimizer.update(jax.grad(judging)(judge), judge_state)
        judge = optax.apply_updates(judge, updates)

        def generating(params: Any) -> Any:
            made, changed = generate(params, keys[1])
            logits = discriminator.apply(judge, made)
            return jax.nn.softplus(-logits).mean(), changed["batch_stats"]

        gradient, stats = jax.grad(generating, has_aux=True)(params)
        updates, opt_state = optimizer.update(gradient, opt_state)
        return optax.apply_updates(params, updates), opt_state, stats, judge, judge_state

    return state, step


class Residual(nn.Module):
    """Two convolutions, scaled and shifted by the time between."""

    features: int

    @nn.compact
    def __call__(self, x: jax.Array, conditions: jax.Array) -> jax.Array:
        """Of as many pixels."""
        y = nn.Conv(self.features, (3, 3))(nn.silu(nn.GroupNorm(8)(x)))
        change = nn.Dense(2 * self.features)(conditions)[:, None, None]
        scale, shift = jnp.split(change, 2, axis=-1)
        y = nn.GroupNorm(8)(y) * (1 + scale) + shift
        y = nn.Conv(self.features, (3, 3))(nn.silu(y))
        return y + (x if x.shape[-1] == self.features else nn.Dense(self.features)(x))


class UNet(nn.Module):
    """That of `generative/ddpm`, 32 and 64 channels."""

    @nn.compact
    def __call__(self, x: jax.Array, time: jax.Array) -> jax.Array:
        """Like `x`."""
        angle = 1000 * time[:, None] * jnp.exp(-math.log(1e4) * jnp.arange(64) / 64)
        conditions = jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], 1)
        conditions = nn.silu(nn.Dense(128)(nn.silu(nn.Dense(128)(conditions))))
        wide = Residual(32)(nn.Conv(32, (3, 3))(x), conditions)
        deep = Residual(64)(nn.Conv(64, (3, 3), (2, 2))(wide), conditions)
        tokens = nn.GroupNorm(8)(deep).reshape(len(x), -1, 64)
        x = deep + nn.MultiHeadDotProductAttention(1)(tokens).reshape(deep.shape)
        x = Residual(64)(x, conditions)
        x = Residual(64)(jnp.concatenate([x, deep], -1), conditions)
        x = nn.ConvTranspose(32, (4, 4), (2, 2))(x)
        x = Residual(32)(jnp.concatenate([x, wide], -1), conditions)
        return nn.Conv(1, (3, 3))(nn.silu(nn.GroupNorm(8)(x)))


def ddpm() -> tuple[Any, Step]:
    """v-prediction on the cosine path, Adam."""
    net, optimizer = UNet(), optax.adam(1e-3)
    params = net.init(jax.random.key(0), jnp.zeros((1, 28, 28, 1)), jnp.zeros(1))

    def step(state: Any, key: jax.Array, image: jax.Array) -> Any:
        params, opt_state = state
        time_key, noise_key = jax.random.split(key)
        image = 2 * image - 1
        time = jax.random.uniform(time_key, (len(image),))
        angle = (time[:, None, None, None] + 0.008) / 1.008 * jnp.pi / 2
        share = jnp.cos(angle) ** 2 / math.cos(0.008 / 1.008 * math.pi / 2) ** 2
        share = jnp.clip(share, 1e-4, 1.0)
        signal, spread = jnp.sqrt(share), jnp.sqrt(1 - share)
        noise = jax.random.normal(noise_key, image.shape)

        def loss(params: Any) -> jax.Array:
            predicted = net.apply(params, signal * image + spread * noise, time)
            return jnp.mean((predicted - (signal * noise - spread * image)) ** 2)

        updates, opt_state = optimizer.update(jax.grad(loss)(params), opt_state)
        return optax.apply_updates(params, updates), opt_state

    return (params, optimizer.init(params)), step


def main() -> None:
    """Serve rounds."""
    options = generative_arguments(__doc__ or "").parse_args()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (EXAMPLES, 28, 28, 1)).astype(np.uint8)
    state, plain = globals()[options.net]()
    key, done = jax.random.key(1), 0

    @partial(jax.jit, donate_argnums=0)
    def step(state: Any, key: jax.Array, image: jax.Array) -> Any:
        return plain(state, key, image.astype(jnp.float32) / 255)

    def run(steps: int) -> None:
        nonlocal state, done
        for _ in range(steps):
            rows = rng.integers(0, EXAMPLES, options.batch)
            state = step(state, jax.random.fold_in(key, done), images[rows])
            done += 1
        jax.block_until_ready(state)

    serve(f"flax, JAX {jax.__version__}", run, options.batch, options.seconds)


if __name__ == "__main__":
    main()
