"""The gradient checker: right gradients pass, a planted mistake is found and named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.autodiff.check import check
from research.autodiff.trees import leaves, map_leaves, rebuild

pytestmark = pytest.mark.usefixtures("plainly_compiled")


class Dense(NamedTuple):
    kernel: Any
    bias: Any


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


# In float32, so that one jitted loss serves with and without float64.
IMAGES = random(6, 5, seed=9).astype(np.float32)
CLASSES = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]]


def net() -> dict[str, Any]:
    """A small net as dicts, tuples, lists and named tuples hold it."""
    return {
        "layers": [Dense(random(5, 7), random(7, seed=1)), Dense(random(7, 3, seed=2), np.ones(3))],
        "scale": (np.array(0.7), None),
    }


@jax.jit
def loss(params: Any) -> Any:
    first, last = params["layers"]
    hidden = jnp.tanh(IMAGES @ first.kernel + first.bias)
    scores = params["scale"][0] * (hidden @ last.kernel + last.bias)
    return -jnp.mean(jnp.sum(CLASSES * jax.nn.log_softmax(scores), axis=1))


slope = jax.jit(jax.grad(loss))


def test_jax_s_gradient_of_a_net_agrees() -> None:
    with jax.enable_x64(True):
        found = check(loss, net(), slope)
        # As arrays of JAX's, and with a gradient that has been computed already.
        held = jax.tree.map(jnp.asarray, net())
        same = check(loss, held, slope(held))
    assert found.agrees and not found.undecided
    assert found.error < 1e-9
    assert same == found
    assert "the gradient agrees with the loss: worst is params[" in found.message


@settings(max_examples=10)
@given(st.integers(0, 66), st.sampled_from([0.01, -0.5, 1e-4]))
def test_a_mistake_in_any_entry_is_found_and_named(place: int, mistake: float) -> None:
    """Of 67 parameters one has a wrong derivative, which few entries alone would not meet."""
    with jax.enable_x64(True):
        right = map_leaves(np.array, slope(net()))
        names, flat = zip(*leaves(right, "params"), strict=True)
        leaf = 0
        while place >= flat[leaf].size:
            place -= flat[leaf].size
            leaf += 1
        flat[leaf].flat[place] += mistake
        found = check(loss, net(), rebuild(right, flat), entries=2)
    assert not found.agrees
    assert found.leaf == names[leaf]
    assert found.entry == np.unravel_index(place, flat[leaf].shape)
    np.testing.assert_allclose(found.error, abs(mistake), rtol=1e-5)
    index = ", ".join(map(str, found.entry))
    assert found.message.startswith(
        f"the gradient is wrong: worst is {found.leaf}" + (f"[{index}]," if index else ",")
    )


def test_a_gradient_that_is_nan_somewhere_is_wrong_there() -> None:
    with jax.enable_x64(True):
        gradient = map_leaves(np.array, slope(net()))
        gradient["layers"][1].kernel[4, 2] = np.nan
        found = check(loss, net(), gradient, entries=1)
    assert (found.agrees, found.leaf, found.entry) == (False, "params['layers'][1].kernel", (4, 2))


def test_float32_is_told_by_its_own_tolerance() -> None:
    """Without float64 JAX computes in float32, whatever it is given."""
    found = check(loss, net(), slope)
    assert found.agrees and "float32 differences" in found.message
    gradient = map_leaves(np.array, slope(net()))
    gradient["layers"][0].kernel[1, 3] += 0.05
    assert not check(loss, net(), gradient).agrees


def test_kinks_are_no_mistakes() -> None:
    """A net of relus in float32, some of which lie within a step of 0; a mistake is still one."""

    def relus(params: Any) -> Any:
        return jnp.mean((jax.nn.relu(IMAGES @ params["w"] + params["b"]) @ params["v"] - 1) ** 2)

    jitted, slopes = jax.jit(relus), jax.jit(jax.grad(relus))
    for seed in range(8):
        drawn = {"w": random(5, 40, seed=seed), "b": random(40, seed=seed), "v": random(40) / 6}
        assert check(jitted, drawn, slopes, entries=2).agrees
        gradient = map_leaves(np.array, slopes(drawn))
        place = np.argmax(np.abs(gradient["w"]))
        gradient["w"].flat[place] *= 2
        found = check(jitted, drawn, gradient, entries=2)
        assert (found.agrees, found.leaf) == (False, "params['w']")
    with pytest.raises(ValueError, match="a kink here, or noise"):
        check(np.abs, np.array(0.0), np.array(1.0))


def test_losses_of_numpy_alone_and_one_bare_array() -> None:
    x = random(4, 3)
    assert check(lambda x: np.sum(np.sin(x)), x, np.cos).agrees
    assert check(lambda x: float(np.sum(x**2)), x.astype(np.float32), lambda x: 2 * x).agrees
    wrong = check(lambda x: np.sum(np.sin(x)), x, np.sin)
    assert not wrong.agrees and wrong.leaf == "params"
    assert check(lambda x: 1.5, x, np.zeros_like).agrees


def test_what_rounding_hides_is_said() -> None:
    """A derivative of 1e-4 in a loss near 1e6: float32 cannot tell, float64 can."""

    def large(dtype: type) -> Callable[[Any], Any]:
        return lambda p: dtype(1e6) + dtype(1e-4) * p["a"].astype(dtype)[0]

    params = {"a": np.ones(2)}
    claims = {"a": np.array([1e-4, 0])}
    with pytest.raises(ValueError, match=r"float32 cannot tell.*compute the loss in float64"):
        check(large(np.float32), params, claims)
    found = check(large(np.float64), params, claims)
    assert found.agrees and not found.undecided
    # A loss that computes in float32 and calls it float64 is taken for what it is.
    rough = lambda p: np.float64(np.sin(p["a"].astype(np.float32)).sum())  # noqa: E731
    x = random(3)
    assert "float32 differences" in check(rough, {"a": x}, {"a": np.cos(x)}).message
    assert not check(rough, {"a": x}, {"a": np.sin(x)}).agrees
    rougher = lambda p: np.float64(np.float32(1e3 + p["a"][0] * 0.05))  # noqa: E731
    with pytest.raises(ValueError, match="float32 cannot tell"):
        check(rougher, params, {"a": np.array([0.05, 0])})
    # One array is told, the other is not.
    mixed = lambda p: np.float32(p["a"].sum() + 1e-6 * p["b"].sum())  # noqa: E731
    both = {"a": random(3), "b": random(2)}
    found = check(mixed, both, {"a": np.ones(3), "b": np.full(2, 1e-6)})
    assert found.agrees and found.undecided == ("params['b']",)
    assert found.message.endswith("too small to tell: params['b']")


@pytest.mark.parametrize(
    "words, loss, params, gradient",
    [
        ("the loss has shape (2,)", lambda p: p["a"], {"a": np.ones(2)}, {"a": np.ones(2)}),
        ("the loss is nan", lambda p: np.nan, {"a": np.ones(2)}, {"a": np.ones(2)}),
        (
            "not finite a step of",
            lambda p: np.sum(np.where(p["a"] > 1, np.inf, 1.0)),
            {"a": np.ones(2)},
            {"a": np.ones(2)},
        ),
        ("has shape (3,), not (2,)", lambda p: p["a"].sum(), {"a": np.ones(2)}, {"a": np.ones(3)}),
        ("lacks params['a']", lambda p: p["a"].sum(), {"a": np.ones(2)}, {}),
        ("has params['b']", lambda p: 1.0, {"a": 1.0}, {"a": 1.0, "b": 1.0}),
        ("holds int64", lambda p: 1.0, {"n": np.arange(2)}, {"n": np.ones(2)}),
        ("hold no arrays", lambda p: 1.0, {"n": None}, {}),
        ("float16 is too coarse", lambda p: np.float16(1), {"a": 1.0}, {"a": 1.0}),
    ],
)
def test_what_cannot_be_checked_is_named(words: str, loss: Any, params: Any, gradient: Any) -> None:
    import re

    with pytest.raises(ValueError, match=re.escape(words)):
        check(loss, params, gradient)


def test_trees_are_taken_apart_as_jax_does() -> None:
    tree = {"b": [1.0, (2.0, None)], "a": Dense({"z": 3.0, "y": 4.0}, 5.0)}
    assert [leaf for _, leaf in leaves(tree)] == jax.tree.leaves(tree)
    names = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(tree)]
    assert [name for name, _ in leaves(tree)] == names
    assert map_leaves(lambda x, y: x + y, tree, tree) == jax.tree.map(lambda x: 2 * x, tree)
