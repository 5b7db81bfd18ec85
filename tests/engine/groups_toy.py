"""A convolutional net trained by a gradient over groups: `python groups_toy.py`, one JSON line.

In a process of its own, since the number of devices is settled when JAX starts. Beside the fold
that Encore uses stand two that depend on the number of devices.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, PartitionSpec

from research.engine import groups, keys
from research.engine.environment import fix_devices, settle_environment
from research.engine.mesh import COMPILER_OPTIONS
from research.layers.convolution import convolve

GROUPS, BATCH, STEPS = 8, 64, 6
DEVICES = (0, 1, 2, 8)
"""0: no mesh at all."""


def init() -> Any:
    first, second = jax.random.split(keys.stream(0, "init"))
    return {
        "kernel": 0.3 * jax.random.normal(first, (3, 3, 1, 8)),
        "dense": 0.1 * jax.random.normal(second, (6 * 6 * 8, 4)),
    }


def loss(params: Any, image: jax.Array, key: jax.Array) -> jax.Array:
    noise = 0.1 * jax.random.normal(key, image.shape)
    hidden = jax.nn.relu(convolve(image + noise, params["kernel"]))
    logits = hidden.reshape(image.shape[0], -1) @ params["dense"]
    target = jnp.arange(image.shape[0]) % 4
    return jnp.sum(optax.softmax_cross_entropy_with_integer_labels(logits, target))


def by_fold(params: Any, image: jax.Array, key: jax.Array) -> Any:
    """Encore's."""
    gradient = jax.grad(loss)
    parts = groups.split(image, GROUPS)

    def of_group(part: Any, key: jax.Array) -> tuple[Any, None]:
        return gradient(params, part, key), None

    folded, _ = groups.over_groups(of_group, GROUPS, parts, key)
    return folded


def by_mean_over_devices(params: Any, image: jax.Array, key: jax.Array) -> Any:
    """What is usual: each device its share in one piece, then a sum over devices."""
    devices = groups.devices_sharing()
    parts = image.reshape(devices, -1, *image.shape[1:])
    mine = parts[jax.lax.axis_index(groups.AXIS)] if devices > 1 else parts[0]
    gradient = jax.grad(loss)(params, mine, key)
    return jax.lax.psum(gradient, groups.AXIS) if devices > 1 else gradient


def by_vmap(params: Any, image: jax.Array, key: jax.Array) -> Any:
    """The groups of a device at once, instead of one after the other."""
    devices = groups.devices_sharing()
    parts = image.reshape(devices, GROUPS // devices, -1, *image.shape[1:])
    mine = parts[jax.lax.axis_index(groups.AXIS)] if devices > 1 else parts[0]
    stacked = jax.vmap(jax.grad(loss), (None, 0, None))(params, mine, key)
    if devices > 1:
        stacked = jax.lax.all_gather(stacked, groups.AXIS, tiled=True)
    return groups.fold(stacked)


def train(gradient_of: Any, devices: int) -> str:
    """The digest of the parameters after some steps."""
    optimizer = optax.adam(1e-2)

    def run(params: Any, stop: jax.Array) -> Any:
        def step(index: jax.Array, carry: Any) -> Any:
            params, state = carry
            image = jax.random.normal(keys.at_step(keys.stream(0, "data"), index), (BATCH, 6, 6, 1))
            key = keys.at_step(keys.stream(0, "update"), index)
            updates, state = optimizer.update(gradient_of(params, image, key), state, params)
            return optax.apply_updates(params, updates), state

        return jax.lax.fori_loop(0, stop, step, (params, optimizer.init(params)))[0]

    if devices:
        mesh = Mesh(np.array(jax.devices()[:devices]), (groups.AXIS,))
        everywhere = PartitionSpec()
        run = jax.shard_map(
            run, mesh=mesh, in_specs=everywhere, out_specs=everywhere, check_vma=False
        )
    arguments = (init(), np.int32(STEPS))
    params = jax.jit(run).lower(*arguments).compile({**COMPILER_OPTIONS})(*arguments)
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(params):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()


def gathered() -> list[bool]:
    """Whether what `all_gather` sends in one message is, bit for bit, what JAX's own sends."""
    mesh = Mesh(np.array(jax.devices()[:4]), (groups.AXIS,))
    numbers = 100 * np.random.default_rng(0).normal(size=(8, 3, 5))
    kinds = ("uint8", "int8", "uint16", "bfloat16", "float16", "int32", "uint32", "float32", "bool")
    tree = {kind: jnp.abs(numbers).astype(jnp.dtype(kind)) for kind in kinds}
    tree |= {"signs": jnp.float32(numbers), "zero": jnp.full((8, 1), -0.0)}

    def both(tree: Any) -> Any:
        theirs = jax.lax.all_gather(tree, groups.AXIS, tiled=True)
        return groups.all_gather(tree, groups.AXIS), theirs

    sharded, whole = PartitionSpec(groups.AXIS), PartitionSpec()
    run = jax.shard_map(both, mesh=mesh, in_specs=sharded, out_specs=whole, check_vma=False)
    ours, theirs = jax.jit(run)(tree)
    return [np.asarray(ours[k]).tobytes() == np.asarray(theirs[k]).tobytes() for k in tree]


if __name__ == "__main__":
    settle_environment()
    fix_devices(8)
    made = {"by_fold": [train(by_fold, devices) for devices in DEVICES]}
    for planted in (by_mean_over_devices, by_vmap):
        made[planted.__name__] = [train(planted, devices) for devices in (1, 8)]
    print(json.dumps({**made, "gathered": gathered()}))
