"""Eight virtual devices in a process of its own: `python -m research.tour.several_devices`.

The number of devices is settled when JAX starts, and a run has started it with one. What lies where
and the digests of a gradient that devices share are printed as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

DEVICES = 8
COUNTS = (1, 2, 4, 8)
ROWS = 512


def ask_process() -> dict[str, Any]:
    """What the process prints: `placement`, pairs of words, and `digests`, way -> one a count.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "research.tour.several_devices"],
        cwd=Path(__file__).resolve().parents[2],
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def placement() -> list[tuple[str, str]]:
    """What was done, and on which devices the result lies."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    devices = jax.devices()
    x, third = jnp.ones((8, 4)), jax.device_put(jnp.ones((8, 4)), devices[3])
    mesh = Mesh(np.array(devices), ("rows",))
    by_rows = jax.device_put(x, NamedSharding(mesh, PartitionSpec("rows")))
    everywhere = jax.device_put(x, NamedSharding(mesh, PartitionSpec()))
    fourth = jax.device_put(x, devices[4])

    def where(make: Callable[[], Any]) -> str:
        try:
            array = make()
        except ValueError:
            return "ValueError: they lie on different devices"
        parts = {shard.device.id: shard.data.shape for shard in array.addressable_shards}
        shapes = " and ".join(sorted({str([*shape]) for shape in parts.values()}))
        return f"{_span([*parts])}: {shapes} on each" if len(parts) > 1 else _span([*parts])

    rows: Sequence[tuple[str, Callable[[], Any]]] = (
        ("x = ones([8, 4])", lambda: x),
        ("jit(f)(NumPy array)", lambda: jax.jit(jnp.sin)(np.ones((8, 4), np.float32))),
        ("third = device_put(x, devices[3])", lambda: third),
        ("third + 1", lambda: third + 1),
        ("third + x: x was put nowhere by hand", lambda: third + x),
        ("third + device_put(x, devices[4])", lambda: third + fourth),
        ("by rows: PartitionSpec('rows')", lambda: by_rows),
        ("by rows + 1", lambda: by_rows + 1),
        ("by rows @ ones([4, 2])", lambda: by_rows @ jnp.ones((4, 2))),
        ("everywhere: PartitionSpec()", lambda: everywhere),
        ("by rows + everywhere", lambda: by_rows + everywhere),
        ("sum of by rows: devices talk", lambda: jnp.sum(by_rows)),
    )
    return [(what, where(make)) for what, make in rows]


def _span(numbers: list[int]) -> str:
    ordered = sorted(numbers)
    if len(ordered) == 1:
        return f"device {ordered[0]}"
    return f"devices {ordered[0]} to {ordered[-1]}"


def digests() -> dict[str, list[str]]:
    """Of the gradient of one batch by so many devices as `COUNTS` says, in two ways.

    `mean`: each device takes the gradient of its part, and these are averaged, as is common.
    `groups`: the batch is cut into eight groups whatever the number of devices, and the groups'
    gradients are added in a fixed tree, as Encore does it.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax.sharding import Mesh, PartitionSpec

    from experiments.tour.custom_parts import apply, init
    from research.data.districts import FEATURES
    from research.engine import mesh as meshes
    from research.engine import metrics
    from research.engine.digests import record_leaves, state_digest
    from research.engine.leaves import Reader, name_leaves
    from research.optimization.descent import WeightedLoss, make_gradient
    from research.tour.losses import huber

    first, second, third, key = jax.random.split(jax.random.key(0), 4)
    params = init(first, 30)
    x = jax.random.normal(second, (ROWS, len(FEATURES)))
    y = jax.random.normal(third, (ROWS,))

    def losses(params: Any, x: jax.Array, y: jax.Array) -> jax.Array:
        return huber(apply(params, x), y)

    def by_mean(params: Any, x: jax.Array, y: jax.Array) -> Any:
        gradient = jax.grad(lambda params: jnp.mean(losses(params, x, y)))(params)
        return jax.lax.pmean(gradient, "devices")

    def by_groups(params: Any, x: jax.Array, y: jax.Array) -> Any:
        def loss(params: Any, rows: Any, key: jax.Array) -> WeightedLoss:
            del key
            return WeightedLoss(*metrics.mean(losses(params, *rows)), {})

        return make_gradient(loss, 8)(params, (x, y), key).gradient

    def digest(function: Callable[..., Any]) -> str:
        options = meshes.COMPILER_OPTIONS
        gradient = jax.jit(function, compiler_options=options)(params, x, y)
        return state_digest(record_leaves(Reader()(name_leaves({"state": gradient}))))[:16]

    def of(count: int) -> tuple[str, str]:
        some = jax.devices()[:count]
        part, everywhere = PartitionSpec("devices"), PartitionSpec()
        shared = partial(jax.shard_map, mesh=Mesh(np.array(some), ("devices",)), check_vma=False)
        mean = shared(by_mean, in_specs=(everywhere, part, part), out_specs=everywhere)
        grid = meshes.make_mesh(some, meshes.shape_of(count, 1, 8))
        grouped = by_groups if count == 1 else meshes.over(grid, by_groups, everywhere, everywhere)
        return digest(mean), digest(grouped)

    mean, groups = zip(*map(of, COUNTS), strict=True)
    return {"mean": [*mean], "groups": [*groups]}


if __name__ == "__main__":
    from research.engine.environment import fix_devices, settle_environment

    settle_environment()
    fix_devices(DEVICES)
    print(json.dumps({"placement": placement(), "digests": digests()}))
