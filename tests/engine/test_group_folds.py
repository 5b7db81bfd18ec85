"""Gradients over fixed groups: the number of devices changes no bit; two planted folds do."""

from __future__ import annotations

import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.engine import keys
from research.engine.groups import fold, over_groups
from tests.engine import groups_toy, transformer_toy


@pytest.fixture(scope="module")
def digests():
    ran = subprocess.run(
        [sys.executable, groups_toy.__file__], capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_one_two_and_eight_devices_give_one_digest(digests):
    assert len(set(digests["by_fold"])) == 1


@pytest.mark.parametrize("planted", ["by_mean_over_devices", "by_vmap"])
def test_a_planted_mean_over_devices_and_a_planted_vmap_do_not(digests, planted):
    assert len(set(digests[planted])) > 1


def test_one_message_carries_every_kind_of_number_to_the_bit(digests):
    assert len(digests["gathered"]) == 11 and all(digests["gathered"])


def test_each_group_has_its_part_and_a_key_of_its_own():
    key = keys.stream(0, "update")
    parts = jnp.arange(12.0).reshape(4, 3)

    def function(part, key):
        return jnp.sum(part), {"sum": jnp.sum(part), "bits": jax.random.bits(key)}

    total, results = jax.jit(lambda: over_groups(function, 4, parts, key))()
    assert total == parts.sum()
    np.testing.assert_array_equal(results["sum"], parts.sum(1))
    alone = [int(jax.random.bits(jax.random.fold_in(key, group))) for group in range(4)]
    assert results["bits"].tolist() == alone and len(set(alone)) == 4


@settings(deadline=None)
@given(st.integers(1, 17))
def test_a_fold_is_the_sum_in_a_balanced_tree(count):
    values = np.random.default_rng(count).normal(size=(count, 3)).astype(np.float32)

    def tree(rows):
        rows = list(rows)
        while len(rows) > 1:
            pairs = [left + right for left, right in zip(rows[::2], rows[1::2], strict=False)]
            rows = pairs + rows[2 * len(pairs) :]
        return rows[0]

    np.testing.assert_array_equal(fold(jnp.asarray(values)), tree(values))


@pytest.mark.slow
def test_a_transformer_has_one_digest_too_where_all_programs_are_compiled_alike():
    """The control: where equal computations are merged in that for one device, it has another."""
    ran = subprocess.run(
        [sys.executable, transformer_toy.__file__], capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    digests = json.loads(ran.stdout)
    assert len(set(digests["alike"])) == 1 and len(set(digests["apart"])) == 2
