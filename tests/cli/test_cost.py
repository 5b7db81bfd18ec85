"""What one update costs, held against counts by hand."""

import jax
import jax.numpy as jnp

from research.cli.commands.explain import cost_of, product_cost


def shape(*sizes):
    return jax.ShapeDtypeStruct(sizes, jnp.float32)


def product_flops(function, *shapes):
    return product_cost(jax.make_jaxpr(function)(*shapes).jaxpr)


def test_a_matrix_product():
    assert product_flops(jnp.matmul, shape(3, 5), shape(5, 7)) == (2 * 3 * 5 * 7, 0)


def test_a_batched_product():
    assert product_flops(jnp.matmul, shape(4, 3, 5), shape(4, 5, 7)) == (4 * 2 * 3 * 5 * 7, 0)


def test_a_convolution():
    def convolve(images, kernel):
        return jax.lax.conv_general_dilated(
            images, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    flops, _ = product_flops(convolve, shape(2, 8, 8, 3), shape(5, 5, 3, 4))
    assert flops == 2 * (2 * 8 * 8 * 4) * (5 * 5 * 3)


def test_a_scan_counts_each_time_and_a_while_loop_is_marked():
    def scanned(x, w):
        return jax.lax.scan(lambda c, _: (c @ w, None), x, length=11)[0]

    def looped(x, w):
        return jax.lax.while_loop(lambda c: c.sum() < 0, lambda c: c @ w, x)

    once = 2 * 3 * 5 * 5
    assert product_flops(scanned, shape(3, 5), shape(5, 5)) == (11 * once, 0)
    assert product_flops(looped, shape(3, 5), shape(5, 5)) == (once, 1)
    assert product_flops(jax.jit(jax.checkpoint(scanned)), shape(3, 5), shape(5, 5))[0] == 11 * once


def test_the_dearer_branch_counts():
    def branches(flag, x, w):
        return jax.lax.cond(flag > 0, lambda: x @ w @ w, lambda: x @ w)

    assert product_flops(branches, shape(), shape(3, 5), shape(5, 5))[0] == 2 * 2 * 3 * 5 * 5


def test_the_compiled_program_agrees_on_a_plain_product():
    cost = cost_of(lambda x, w: jnp.tanh(x @ w), shape(64, 64), shape(64, 64))
    assert cost.product_flops == 2 * 64**3
    assert cost.flops is not None
    assert cost.flops == 2 * 64**3 or abs(cost.flops / (2 * 64**3) - 1) < 0.1
    assert cost.memory["arguments"] == 2 * 64 * 64 * 4
    assert cost.memory["outputs"] == 64 * 64 * 4
