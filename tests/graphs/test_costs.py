"""What one update costs, held against counts by hand."""

import jax
import jax.numpy as jnp
import pytest

from research.graphs.compiled import compiled_block
from research.graphs.costs import analysis_of, cost_of, product_cost
from research.graphs.hlo import parse
from research.graphs.tracing import Trace
from research.options.catalog import ROOT


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
    traced = jax.jit(lambda x, w: jnp.tanh(x @ w)).trace(shape(64, 64), shape(64, 64))
    cost = cost_of(traced, traced.lower().compile())
    assert cost.product_flops == 2 * 64**3
    assert cost.flops is not None
    assert cost.flops == 2 * 64**3 or abs(cost.flops / (2 * 64**3) - 1) < 0.1
    assert cost.memory["arguments"] == 2 * 64 * 64 * 4
    assert cost.memory["outputs"] == 64 * 64 * 4


def convolution(images, kernel):
    return jax.lax.conv_general_dilated(
        images, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (lambda x: -jnp.exp(x), [(10, 20)]),
        (lambda x, y: jnp.where(x > y, x, y), [(10, 20), (10, 20)]),
        (lambda x: x.sum(axis=1), [(10, 20)]),
        (lambda x: x**3, [(10, 20)]),
        (lambda x: jax.lax.logistic(x), [(10, 20)]),
        (lambda x: x.T.reshape(4, 50), [(10, 20)]),
        (jnp.matmul, [(4, 10, 20), (4, 20, 30)]),
        (convolution, [(2, 8, 8, 3), (3, 3, 3, 4)]),
        (lambda x, w: jnp.tanh(x @ w).sum(), [(8, 4), (4, 5)]),
    ],
)
def test_operations_are_counted_as_xla_counts_them_before_and_after_compiling(function, shapes):
    traced = jax.jit(function).trace(*(shape(*sizes) for sizes in shapes))
    lowered = traced.lower()
    compiled = lowered.compile()
    before = Trace(ROOT / "experiments").block(traced.jaxpr.jaxpr, [True]).totals
    after = compiled_block(parse(compiled.as_text()), ROOT / "experiments").totals
    for totals, program in ((before, lowered), (after, compiled)):
        analysis = analysis_of(program)
        counted = analysis.get("flops", 0.0) + analysis.get("transcendentals", 0.0)
        # XLA says of a logistic function how it is made of others, one of them an exponential.
        assert totals.flops == counted
    # Bytes: what each operation of the compiled program reads and writes.
    assert after.bytes == analysis_of(compiled).get("bytes accessed")


def test_of_an_array_that_a_loop_goes_through_each_turn_counts_its_part():
    def running(x):
        return jax.lax.scan(lambda c, row: (c * 0.5 + jnp.tanh(row),) * 2, x[0], x)[1]

    traced = jax.jit(running).trace(shape(1000, 8))
    whole = 1000 * 8 * 4
    block = compiled_block(parse(traced.lower().compile().as_text()), ROOT / "experiments")
    # Rows are read and written a few times each, not the array a thousand times.
    assert 2 * whole < block.totals.bytes < 20 * whole
