"""Leaves: the way to the host and back is the identity, and digests see all that differs."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.engine.digests import (
    STATE,
    differing_leaves,
    is_part,
    record_leaf,
    record_leaves,
    state_digest,
)
from research.engine.inputs import from_leaves
from research.engine.leaves import Reader, name_leaves, rebuild

DTYPES = ("float32", "bfloat16", "float16", "int32", "uint8", "bool")


def every_kind_of_leaf():
    return {
        "params": {"w": jnp.arange(6.0).reshape(2, 3), "half": jnp.ones((2, 2), jnp.bfloat16)},
        "key": jax.random.key(7),
        "keys": jax.random.split(jax.random.key(1), (2, 3)),
        "other": jax.random.key(3, impl="rbg"),
        "nothing": jnp.zeros((0, 4)),
        "flags": jnp.array([True, False]),
        "scalar": jnp.int32(-5),
        "list": [jnp.float16(0.5), (jnp.array([-0.0, jnp.nan, jnp.inf]),)],
    }


def bits(tree):
    return {name: leaf.tobytes() for name, leaf in Reader()(name_leaves(tree)).items()}


def types(tree):
    return [(leaf.dtype, leaf.shape) for leaf in jax.tree.leaves(tree)]


@pytest.mark.parametrize("like", [lambda t: t, lambda t: jax.eval_shape(lambda: t)])
def test_to_the_host_and_back_is_the_identity(like):
    tree = every_kind_of_leaf()
    back = rebuild(like(tree), Reader()(name_leaves(tree)))
    assert jax.tree.structure(back) == jax.tree.structure(tree)
    assert types(back) == types(tree)
    assert bits(back) == bits(tree)
    draws = [jax.random.normal(t[name], ()) for t in (tree, back) for name in ("key", "other")]
    assert draws[:2] == draws[2:]


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(DTYPES),
    st.lists(st.integers(0, 3), max_size=3),
    st.binary(min_size=120, max_size=120),
)
def test_to_the_host_and_back_is_the_identity_for_any_array(dtype, shape, content):
    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    size = int(np.prod(shape))
    raw = np.frombuffer(content, np.uint8)[: size * kind.itemsize]
    array = (raw % 2 if dtype == "bool" else raw).view(kind).reshape(shape)
    device = jnp.asarray(array)
    host = Reader()({"leaf": device})["leaf"]
    back = rebuild({"leaf": device}, {"leaf": host})["leaf"]
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert np.asarray(back).tobytes() == array.tobytes() == host.tobytes()


def test_names_are_paths():
    assert list(name_leaves({"b": [1, (2, 3)], "a": {"c": 4}})) == ["a/c", "b/0", "b/1/0", "b/1/1"]


BASE = ("a/b", np.float32([0.0, 1.0, 2.0, 3.0]))
OTHERS = {
    "path": ("a/c", BASE[1]),
    "dtype": ("a/b", BASE[1].view(np.int32)),
    "shape": ("a/b", BASE[1].reshape(2, 2)),
    "negative zero": ("a/b", np.float32([-0.0, 1.0, 2.0, 3.0])),
    "one bit": ("a/b", np.float32([0.0, 1.0, 2.0, np.nextafter(np.float32(3), np.float32(4))])),
    "order": ("a/b", BASE[1][::-1]),
    "nothing": ("a/b", BASE[1][:0]),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_digest_changes_with(what):
    assert record_leaf(*OTHERS[what]).sha256 != record_leaf(*BASE).sha256


def test_zero_size_leaves_differ_by_shape_and_dtype():
    empties = [np.zeros((0, 3)), np.zeros((3, 0)), np.zeros((0,)), np.zeros((0, 3), np.float32)]
    assert len({record_leaf("x", empty).sha256 for empty in empties}) == 4


def test_a_digest_is_of_the_values_and_not_of_the_memory():
    fortran = np.asfortranarray(BASE[1].reshape(2, 2))
    assert record_leaf("x", fortran) == record_leaf("x", BASE[1].reshape(2, 2))
    wide = np.arange(8, dtype=np.float32)[::2]
    assert record_leaf("x", wide) == record_leaf("x", np.float32([0, 2, 4, 6]))
    assert record_leaf("x", np.float32(3)) == record_leaf("x", np.array(3, np.float32))


def test_the_run_s_digest_covers_the_state_alone_and_all_of_it():
    leaves = {"state/a": np.ones(2), "state/b": np.zeros(1), "metrics/loss/total": np.ones(1)}
    digest = state_digest(record_leaves(leaves))
    backwards = dict(reversed(leaves.items()))
    assert state_digest(record_leaves(backwards)) == digest
    assert state_digest(record_leaves({**leaves, "metrics/loss/total": np.zeros(1)})) == digest
    assert state_digest(record_leaves({**leaves, "state/b": np.ones(1)})) != digest
    assert state_digest(record_leaves({**leaves, "state/c": np.ones(1)})) != digest


def test_a_state_of_one_array_has_a_digest_too():
    """Its leaf is named as the state itself is."""
    leaves = [{"state": np.float32([value]), "metrics/loss": np.ones(1)} for value in (1, 2)]
    digests = [state_digest(record_leaves(each)) for each in leaves]
    assert digests[0] != digests[1]
    assert state_digest(record_leaves({**leaves[0], "metrics/loss": np.zeros(1)})) == digests[0]
    assert differing_leaves(*map(record_leaves, leaves)) == ["state"]
    assert from_leaves(leaves[0], STATE).digest == digests[0]
    assert not is_part("statement/x") and not is_part("stat")


def test_what_was_read_survives_the_donation_of_its_source():
    double = jax.jit(lambda x: x * 2, donate_argnums=0)
    source = jnp.arange(1000.0)
    read = Reader()({"x": source})["x"]
    for _ in range(5):
        source = double(source)
    source.block_until_ready()
    assert np.array_equal(read, np.arange(1000.0, dtype=np.float32))
    assert read.flags.owndata and read.flags.writeable


def test_what_was_rebuilt_does_not_share_memory_with_the_host():
    host = np.arange(1000, dtype=np.float32)
    rebuilt = rebuild({"x": jax.ShapeDtypeStruct((1000,), np.float32)}, {"x": host})["x"]
    jax.jit(lambda x: x + 1, donate_argnums=0)(rebuilt).block_until_ready()
    assert np.array_equal(host, np.arange(1000))
    again = rebuild({"x": jax.ShapeDtypeStruct((1000,), np.float32)}, {"x": host})["x"]
    host[:] = -1
    assert np.array_equal(np.asarray(again), np.arange(1000))


def test_a_missing_leaf_is_an_error():
    with pytest.raises(KeyError, match="b"):
        rebuild({"a": jnp.ones(1), "b": jnp.ones(1)}, {"a": np.ones(1)})
