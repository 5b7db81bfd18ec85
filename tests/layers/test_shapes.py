"""Shapes in signatures are those of the arrays that come and go; no run checks them."""

from __future__ import annotations

import functools
import inspect
import types
import typing

import jax.numpy as jnp
import pytest
from jaxtyping import Array, Float, jaxtyped

from research.layers import attention, pooling
from research.layers.convolution import convolve, convolve_patches
from research.layers.convolution_block import convolution_block
from research.layers.time_convolution import time_patches
from research.rl import action_values, exploration, losses
from research.rl.advantages import generalised_advantages
from research.rl.curiosity import endless_advantages
from research.rl.normalisation import discounted_sums


def fits(value, annotation):
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in typing.get_args(annotation))
    if origin is tuple:
        return all(map(fits, value, typing.get_args(annotation)))
    return isinstance(value, annotation)


def checked(function):
    """The function; an array that does not fit its annotation, or another array, is an error."""
    hints = typing.get_type_hints(function)

    @functools.wraps(function)
    def call(*arguments):
        given = inspect.signature(function).bind(*arguments).arguments
        result = function(*arguments)
        for name, value in {**given, "return": result}.items():
            assert fits(value, hints[name]), f"{name} of {function.__name__}: {value.shape}"
        return result

    return jaxtyped(typechecker=None)(call)


def f(*shape):
    return jnp.zeros(shape, jnp.float32)


def b(*shape):
    return jnp.ones(shape, bool)


CALLS = [
    (losses.policy_gradient, f(4, 3), f(4, 3)),
    (losses.clipped_surrogate, f(5), f(5), 0.2),
    (losses.value_error, f(4, 2), f(4, 2)),
    (losses.clipped_value_error, f(4), f(4), f(4), f()),
    (losses.approximate_kl, f(4, 3)),
    (losses.normalise, f(4, 3), b(4, 3)),
    (generalised_advantages, f(7, 3), f(7, 3), f(7, 3), b(7, 3), b(7, 3), 0.9, f()),
    (endless_advantages, f(7, 3), f(8, 3), 0.9, 0.9),
    (discounted_sums, f(7, 3), b(7, 3), f(3), 0.9),
    (action_values.support, 0.0, f(), 5),
    (action_values.expectation, f(2, 3, 5), f(5)),
    (action_values.project, f(2, 5), f(2, 5), 0.0, 1.0),
    (action_values.cross_entropy, f(2, 5), f(2, 5)),
    (action_values.bootstrap_target, f(2), f(2), f(2, 3), f(2, 3)),
    (exploration.uniform, b(2, 3)),
    (exploration.epsilon_greedy, f(2, 3), b(2, 3), 0.1),
    (exploration.softmax, f(3), b(3), f()),
    (exploration.with_bonus, f(2, 3), jnp.zeros((2, 3), jnp.int32), 1.0),
    (exploration.correlate, f(2, 3), f(2, 3), b(2), 0.5),
    (attention.attention_weights, f(2, 4, 5), b(5)),
    (attention.dot_product_attention, f(2, 4, 8), f(2, 5, 8), f(2, 5, 3), None),
    (attention.rotate, f(2, 4, 8), jnp.arange(4)),
    (attention.sinusoids, 4, 8),
    (convolve, f(2, 7, 5, 3), f(3, 2, 3, 4), (2, 1)),
    (convolve_patches, f(2, 7, 5, 3), f(3, 2, 3, 4)),
    (convolution_block, f(2, 7, 5, 3), f(3, 2, 3, 4), f(4)),
    (pooling.max_pool, f(2, 7, 5, 3), 2),
    (time_patches, f(2, 9, 3), 2, 1, 2, True),
]


@pytest.mark.parametrize(("function", "arguments"), [(c[0], c[1:]) for c in CALLS])
def test_arrays_fit_their_annotations(function, arguments):
    checked(function)(*arguments)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (losses.value_error, (f(4, 1), f(4))),
        (exploration.uniform, (f(2, 3),)),
        (endless_advantages, (f(7, 3), f(8, 1), 0.9, 0.9)),
        (action_values.bootstrap_target, (f(2, 1), f(2), f(2, 3), f(2, 3))),
    ],
)
def test_arrays_that_broadcast_by_mistake_do_not(function, arguments):
    with pytest.raises(AssertionError):
        checked(function)(*arguments)


def test_an_output_of_another_shape_does_not():
    def first(x: Float[Array, "rows columns"]) -> Float[Array, " rows"]:
        return x[0]

    with pytest.raises(AssertionError, match="return of first"):
        checked(first)(f(2, 3))
