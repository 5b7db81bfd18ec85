"""Features inside a model that leaves Encore: hashes, vocabularies, bags and embeddings in ONNX."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.data.features.buckets import Buckets, find_buckets
from research.data.features.categories import Lookup, cross, look_up, one_hot
from research.data.features.hashing import hash_bytes, hash_numbers
from research.data.features.numbers import (
    Filling,
    Normalization,
    fill_missing,
    mark_missing,
    normalize,
)
from research.data.features.texts import Rarity, find_words, weigh_words

pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")

from tests.export.onnx_checks import differences

pytestmark = pytest.mark.usefixtures("plainly_compiled")

EXAMPLES = {
    "x": jax.ShapeDtypeStruct((1, 2), jnp.float32),
    "kind": jax.ShapeDtypeStruct((1,), jnp.int32),
    "tokens": jax.ShapeDtypeStruct((1, 7), jnp.int32),
    "name": jax.ShapeDtypeStruct((1, 6), jnp.uint8),
    "letters": jax.ShapeDtypeStruct((1,), jnp.int32),
}
LOOKUP = Lookup((3, 0, 9), unknown=2)
EMBED = nn.Embed(len(LOOKUP), 4)


def features(inputs):
    """Each kind of feature, of raw inputs."""
    x = jnp.where(inputs["x"] > 1, jnp.nan, inputs["x"])
    filling = Filling((0.5, -0.5), (True, False))
    filled = fill_missing(filling, x)
    place = look_up(LOOKUP, inputs["kind"])
    bucket = find_buckets(Buckets((-0.5, 0.0, 0.75)), filled[:, 0])
    table = {"params": {"embedding": np.arange(20.0, dtype=np.float32).reshape(5, 4)}}
    return {
        "numbers": normalize(Normalization((0.1, 0.2), (1.5, 2.0)), filled),
        "marks": mark_missing(filling, x),
        "bucket": bucket,
        "cell": cross([bucket, place], (4, len(LOOKUP))),
        "hashed": hash_numbers([inputs["kind"] - 2, bucket], 1000),
        "name_hashed": hash_bytes(inputs["name"], inputs["letters"], 1000),
        "kind_vector": one_hot(place, len(LOOKUP)),
        "embedded": EMBED.apply(table, place),
        "words": find_words(inputs["tokens"] + 2, 8),
        "weighted": weigh_words(Rarity(10, (9, 5, 2, 1)), inputs["tokens"] + 2),
    }


def test_every_feature_is_in_the_file_and_gives_the_same(tmp_path):
    apart = differences(features, EXAMPLES, tmp_path / "model.onnx")
    whole = {"marks", "bucket", "cell", "hashed", "name_hashed", "kind_vector", "words"}
    assert {name for name, value in apart.items() if value == 0.0} >= whole
    assert max(apart.values()) < 1e-6, apart
