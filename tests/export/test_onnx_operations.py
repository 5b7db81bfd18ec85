"""Each operation as ONNX: the same values as JAX, at the edges too."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from tests.export.onnx_checks import differences

pytestmark = pytest.mark.usefixtures("plainly_compiled")

X = {"x": jax.ShapeDtypeStruct((1, 4, 6), jnp.float32)}
N = {"x": jax.ShapeDtypeStruct((1, 4, 6), jnp.float32), "n": jax.ShapeDtypeStruct((1,), jnp.int32)}
IMAGE = {"x": jax.ShapeDtypeStruct((1, 9, 8, 4), jnp.float32)}
TABLE = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
KERNEL = np.random.default_rng(0).normal(size=(3, 2, 4, 6)).astype(np.float32)


def convolved(kernel=KERNEL, **window):
    window = {"window_strides": (1, 1), "padding": "SAME", **window}
    layout = ("NHWC", "HWIO", "NHWC")
    return lambda x: lax.conv_general_dilated(x, kernel, dimension_numbers=layout, **window)


ELEMENTWISE = {
    "arithmetic": lambda x: (x + 2) * x / (1.5 - x) - x**3 + (2 * x) ** -1 + abs(x) ** 1.7,
    "functions": lambda x: jnp.exp(x) + jnp.log(abs(x)) + jnp.sqrt(abs(x)) + jnp.sin(x) * jnp.cos(x)
    + lax.rsqrt(abs(x) + 1) + jnp.exp2(x) + jnp.arctan(x) + jax.scipy.special.erfc(x),
    "activations": lambda x: jax.nn.gelu(x) + jax.nn.gelu(x, approximate=False) + jax.nn.elu(x)
    + jax.nn.silu(x) + jax.nn.softplus(x) + jax.nn.leaky_relu(x) + jax.nn.hard_tanh(x),
    "near 0": lambda x: 1e6 * (jnp.log1p(x * 1e-6) + jnp.expm1(x * 1e-6)),
    "far from 0": lambda x: jnp.log1p(jnp.where(x > 0, jnp.inf, -1.0)) + jnp.expm1(-99 * abs(x)),
    "rounding": lambda x: jnp.round(x * 4) + jnp.floor(x) * jnp.ceil(x) + jnp.sign(x),
    "whole numbers": lambda x: (x * 9).astype(jnp.int32) // 4 + (x * 9).astype(jnp.int32) % 5,
    "bytes": lambda x: jnp.maximum((abs(x) * 50).astype(jnp.uint8), jnp.uint8(3)) + jnp.uint8(2),
    "bits": lambda x: ((x * 9).astype(jnp.int32) & 5) | (~(x * 9).astype(jnp.int32) ^ 3),
    "shifts": lambda x: (lambda bits: (bits << 15) | (bits * 5 >> 17))(
        (x * 9).astype(jnp.int32).astype(jnp.uint32) * np.uint32(0xCC9E2D51)) % 97,
    "truth": lambda x: jnp.where((x > 0) & ~(x > 1) | (x != x), x > 0.5, x < -0.5),
    "choices": lambda x: lax.select_n((abs(x) * 2).astype(jnp.int32) % 3, x, -x, 2 * x),
    "clipped": lambda x: jnp.clip(x, -0.5, 0.7) + lax.clamp(-1.0, x, 0.2),
    "not finite": lambda x: jnp.isfinite(jnp.where(x > 0, jnp.inf, jnp.where(x < -1, jnp.nan, x))),
}  # fmt: skip

ALONG_AXES = {
    "sums": lambda x: x.sum((1, 2)) + x.mean(-1).max(-1) * x.min((1, 2)) + x[:, 0, :3].prod(-1),
    "truth": lambda x: (x > 1).any(-1) | (x > -2).all(-1),
    "places": lambda x: jnp.argmax(x, -1) * 10 + jnp.argmin(x, -1),
    "running sums": lambda x: jnp.cumsum(x, 1) + lax.cumsum(x, 2, reverse=True),
    "orders": lambda x: jnp.sort(x, -1) + jnp.argsort(jnp.round(x), 1, stable=True) * 2.0,
    "largest": lambda x: lax.top_k((x * 2).astype(jnp.int32), 3)[1] + lax.top_k(x, 3)[0],
    "shapes": lambda x: x.transpose(2, 0, 1).reshape(3, 2, -1, 4).swapaxes(0, 2)[:, ::-1, 1],
    "an axis less": lambda x: lax.squeeze(x[:, None, :, :1], (1, 3)) + x.reshape(-1, 24)[:, :4],
    "joints": lambda x: jnp.concatenate([x, jnp.stack([x[:, 1], x[:, 2]], 1), 0 * x], 1),
    "parts": lambda x: jnp.concatenate([*jnp.split(x, 3, -1)][::-1], 1)
    + jnp.tile(x, (1, 3, 1))[..., :2],
    "widths": lambda x: lax.pad(x, 0.5, ((0, 0, 0), (2, -1, 1), (-1, 3, 2))),
    "repeated": lambda x: x + jnp.broadcast_to(x[:, :1, :1], x.shape) + jnp.zeros(x.shape),
    "sizes": lambda x: jnp.arange(x.shape[0] * 2).reshape(-1, 2) * 0 + x.shape[0] * 0,
    "products": lambda x: jnp.einsum("bij,bkj->bik", x, x)
    + jnp.einsum("bij,bij->b", x, x)[:, None, None],
    "outer": lambda x: jnp.einsum("bi,bj->bij", x[:, 0], x[:, 1]) @ jnp.ones((6, 2, 3)).sum(1),
}  # fmt: skip

IMAGES = {
    "same": convolved(),
    "strides and pads": convolved(window_strides=(2, 3), padding=((2, 1), (0, 3))),
    "cut": convolved(padding=((-1, 2), (0, -2))),
    "spread kernel": convolved(rhs_dilation=(2, 3)),
    "spread image": convolved(lhs_dilation=(2, 2), padding=((2, 2), (1, 0))),
    "groups": convolved(KERNEL[:, :, :2], feature_group_count=2),
    "largest": lambda x: lax.reduce_window(
        x, -jnp.inf, lax.max, (1, 3, 2, 1), (1, 2, 2, 1), "SAME"
    ),
    "sums": lambda x: lax.reduce_window(x, 0.0, lax.add, (1, 3, 2, 1), (1, 2, 2, 1), "SAME"),
}

AT_PLACES = {
    "rows": lambda x, n: jnp.asarray(TABLE)[n % 3] + x[:, 0, :5],
    "one": lambda x, n: x[:, -1] + x[:, 2],
    "none": lambda x, n: jnp.take(jnp.asarray(TABLE), n - 1, axis=0),
    "nearest": lambda x, n: jnp.take(jnp.asarray(TABLE), n - 1, axis=0, mode="clip"),
    "each row's": lambda x, n: jnp.take_along_axis(x, n[:, None, None] % 6, 2)[..., 0],
    "two": lambda x, n: x[jnp.arange(x.shape[0]), n % 4, (n + 1) % 6],
    "part": lambda x, n: lax.dynamic_slice(x, (0, n[0] * 0 + 1, n[0] * 0 + 9), (x.shape[0], 2, 3)),
    "written part": lambda x, n: lax.dynamic_update_slice(
        x, 0 * x[:, :2, :3] + 5, (0, n[0] * 0 + 3, n[0] * 0 + 1)
    ),
    "written": lambda x, n: x.at[:, n[0] * 0 + 1].set(7.0).at[:, 9 + 0 * n[0]].set(5.0),
    "written at known places": lambda x, n: x.at[:, :, jnp.array([0, 4])].set(-jnp.inf),
    "added": lambda x, n: x.at[jnp.arange(x.shape[0]), n].add(1.0),
}

LOOPS = {
    "there": lambda x, n: lax.scan(
        lambda c, r: (c + r, c * r), x[:, 0], x.swapaxes(0, 1)
    )[1].swapaxes(0, 1),
    "back": lambda x, n: lax.scan(
        lambda c, r: (0.5 * c + r, (c, r)), x[:, 0], x.swapaxes(0, 1), reverse=True
    )[1][0].swapaxes(0, 1),
    "counted": lambda x, n: lax.fori_loop(0, 5, lambda k, c: c * 0.5 + k + x, x),
    "as long as": lambda x, n: lax.while_loop(
        lambda c: (c[0] < 9) & jnp.isfinite(c[1]).all(),
        lambda c: (c[0] + 1, c[1] * 1.1 + abs(x[:, 0, 0])),
        (0, n * 1.0),
    )[1],
    "either": lambda x, n: lax.cond(n[0] >= 0, lambda: x + n[0] * 0, lambda: -x),
    "several": lambda x, n: lax.switch(n[0] * 0 + 1, [lambda: x, lambda: 2 * x, lambda: 3 * x]),
    "within": lambda x, n: lax.scan(
        lambda c, _: (lax.cond(jnp.isfinite(c).all(), lambda: c + x, lambda: c), None),
        x, None, length=3,
    )[0],
}  # fmt: skip


GROUPS = {
    "by entries": (ELEMENTWISE, X),
    "along axes": (ALONG_AXES, X),
    "on images": (IMAGES, IMAGE),
    "at places": (AT_PLACES, N),
    "in loops": (LOOPS, N),
}


def check(functions, examples, path):
    def apply(inputs):
        return {name: function(**inputs) for name, function in functions.items()}

    found = differences(apply, examples, path / "it.onnx")
    assert found == pytest.approx(dict.fromkeys(found, 0.0), abs=1e-5)


@pytest.mark.parametrize("group", GROUPS)
def test_operations(group, tmp_path):
    check(*GROUPS[group], tmp_path)


@given(st.permutations("abcd"), st.permutations("bcde"), st.integers(0, 3), st.integers(0, 2))
@settings(max_examples=10)
def test_any_product(tmp_path_factory, left, right, summed, kept):
    sizes = dict(zip("abcde", (2, 3, 1, 2, 3), strict=True))
    out = [name for name in "abcde" if name not in "bcd"[:summed]][: 5 - summed]
    other = np.arange(np.prod([sizes[k] for k in right]), dtype=np.float32) % 7 - 3
    other = other.reshape([sizes[k] for k in right])
    examples = {"x": jax.ShapeDtypeStruct((1, *(sizes[k] for k in left)), jnp.float32)}
    equation = f"z{''.join(left)},{''.join(right)}->z{''.join(out)}"

    functions = {equation: lambda x: jnp.einsum(equation, x, other)}
    check(functions, examples, tmp_path_factory.mktemp("it"))
