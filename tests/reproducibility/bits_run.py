"""Digests to be held against those of another CPU: `python bits_run.py SIZE STEPS NAME...`.

SIZE is smoke or full. In a process of its own, since what chooses instructions does so when it
starts. Beside experiments there are two names: `operations`, of what programs are made of; and
`lapack`, JAX's own QR, which follows the kernel of BLAS.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from research.engine.environment import settle_environment


def main(size: str, steps: int, names: Sequence[str]) -> dict[str, str]:
    """Name -> digest of the state of seed 0 after so many steps; of all whose data are here."""
    from research.engine.digests import record_leaves, state_digest
    from research.errors import Mistake

    found = {}
    for name in names:
        try:
            leaves = OTHERS[name]() if name in OTHERS else _trained(size, steps, name)
        except Mistake as missing:
            if "TFDS_DATA_DIR" not in str(missing):
                raise
            continue
        found[name] = state_digest(record_leaves(leaves))
    return found


def _trained(size: str, steps: int, name: str) -> Mapping[str, Any]:
    from research.engine.leaves import Reader
    from research.options.assembly import AS_IT_FITS, open_experiment
    from research.options.catalog import ROOT, catalog, load, resolve

    named = load(resolve(name, catalog()))
    config = named.config.smoke() if size == "smoke" else named.config
    with open_experiment(named, config, AS_IT_FITS, ROOT) as ready:
        program = ready.program
        carry = program.initial(0)
        for window in program.windows(0, 0, min(steps, ready.experiment.steps)):
            bounds = window.start, window.stop
            carry = program.advance(carry, window.arrays, *bounds, fresh=False, halt=True)
        return program.leaves(carry, Reader())


def _operations() -> Mapping[str, Any]:
    """Products of several shapes, a convolution, sums, functions, a factorisation."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from research.layers.factorisation import eigh, orthonormal_columns

    generator = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return generator.normal(size=shape).astype(np.float32)

    def convolve(images: jax.Array, kernel: jax.Array) -> jax.Array:
        layout = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(images, kernel, (1, 1), "SAME", None, None, layout)

    def functions(x: jax.Array) -> tuple[jax.Array, ...]:
        wanted = (jnp.tanh, jnp.exp, jnp.sin, jnp.log1p, jax.lax.rsqrt, jax.nn.sigmoid)
        return tuple(one(jnp.abs(x)) for one in wanted)

    square = draw(32, 32)
    shapes = ((4, 32, 96), (200, 33, 96), (256, 784, 300), (64, 1000, 10), (100, 100, 1))
    made: dict[str, Any] = {
        f"product {m} {k} {n}": jax.jit(jnp.dot)(draw(m, k), draw(k, n)) for m, k, n in shapes
    }
    made["convolution"] = jax.jit(convolve)(draw(8, 16, 16, 8), draw(3, 3, 8, 16))
    made["sums"] = jax.jit(lambda x: (x.sum(0), (x * x).sum(1), x.mean()))(draw(256, 2000))
    made["functions"] = jax.jit(functions)(draw(4096))
    made["factorisations"] = jax.jit(orthonormal_columns)(square), jax.jit(eigh)(square + square.T)
    leaves = jax.tree_util.tree_flatten_with_path(made)[0]
    return {f"state/{jax.tree_util.keystr(path)}": np.asarray(leaf) for path, leaf in leaves}


def _lapack() -> Mapping[str, Any]:
    import jax
    import numpy as np

    square = jax.random.normal(jax.random.key(0), (64, 64))
    return {"state/columns": np.asarray(jax.numpy.linalg.qr(square)[0])}


OTHERS = {"operations": _operations, "lapack": _lapack}

if __name__ == "__main__":
    settle_environment()
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])))
