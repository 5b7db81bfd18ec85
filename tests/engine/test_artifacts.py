"""Artifacts come back as they were, to the bit; what is damaged is told and stops nothing."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from research.engine.artifacts import (
    Animation,
    Confusion,
    Graph,
    Histogram,
    Images,
    Lines,
    Passages,
    Points,
    Sound,
    parse,
    read,
    spell,
    write,
)
from research.errors import Damaged

EXAMPLES = {
    "images": Images(
        "a <b>", np.arange(8, dtype=np.uint8).reshape(2, 2, 2), 0.0, 16.0, ("x", "ü"), (True, False)
    ),
    "confusion": Confusion("c", np.eye(3, dtype=np.int64), ("0", "1", "2"), "n"),
    "lines": Lines("l", np.arange(3.0), np.full((1, 2, 3), np.nan), ("p", "q"), "t"),
    "histogram": Histogram("h", np.float32([[1, -0.0, np.inf]]), ("g",), "v"),
    "points": Points("p", np.full((2, 1, 2), np.nan), np.int64([1]), ("a", "b"), ("x", "y")),
    "animation": Animation("m", np.zeros((2, 3, 4), np.uint8), np.zeros((1, 3), np.uint8), 0.04),
    "passages": Passages("t", ("  a\n<b>", "ü"), ("step 1", "step 2"), "n"),
    "sound": Sound("s", np.int16([0, -32768, 32767]), 11_025, "n"),
    "graph": Graph("g", ("x\nvalue 1", "v1 = <x>", "ü"), np.int64([[0, 1], [0, 2]]), "n"),
}


def same(one, other):
    """Whether two artifacts are the same to the bit."""
    if type(one) is not type(other):
        return False
    for left, right in zip(one, other, strict=True):
        if isinstance(left, np.ndarray):
            if (left.dtype, left.shape, left.tobytes()) != (
                right.dtype, right.shape, right.tobytes()
            ):  # fmt: skip
                return False
        elif left != right or type(left) is not type(right):
            return False
    return True


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_kind_comes_back_to_the_bit(name):
    artifact = EXAMPLES[name]
    order, back = parse(spell(artifact, 7))
    assert order == 7 and same(artifact, back)
    assert spell(artifact, 7) == spell(back, 7)
    changed = artifact._replace(title="other")
    assert not same(changed, back)


@settings(max_examples=40, deadline=None)
@given(
    values=arrays.arrays(
        st.sampled_from([np.float32, np.float64, np.uint8, np.int64, np.bool_]),
        arrays.array_shapes(min_dims=3, max_dims=3, min_side=0, max_side=4),
    ),
    words=st.lists(st.text(st.characters(exclude_categories=("Cs",))), max_size=3),
)
def test_any_numbers_and_any_words_come_back(values, words):
    artifact = Images("t", values, -1.5, 1.5, tuple(words), signed=True)
    assert same(parse(spell(artifact))[1], artifact)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_file_is_damaged_and_nothing_else(data):
    content = spell(EXAMPLES["images"])
    cut = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(Damaged):
        parse(content[:cut])
    at = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[at] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(Damaged):
        parse(bytes(changed))  # A byte that says nothing may change unseen.


def test_a_folder_keeps_its_order_and_tells_what_is_damaged(tmp_path):
    folder = tmp_path / "artifacts"
    assert read(folder) == ({}, [])
    write(folder, {"zebra": EXAMPLES["lines"], "old": EXAMPLES["images"]})
    write(folder, {"zebra": EXAMPLES["lines"], "ant": EXAMPLES["confusion"]})
    found, problems = read(folder)
    assert list(found) == ["zebra", "ant"] and not problems
    assert same(found["zebra"], EXAMPLES["lines"])
    (folder / "zebra.npz").write_bytes(b"nothing")
    found, (problem,) = read(folder)
    assert list(found) == ["ant"] and "artifacts/zebra.npz" in problem


def test_names_and_objects_are_refused(tmp_path):
    with pytest.raises(ValueError, match="a-z"):
        write(tmp_path, {"../escape": EXAMPLES["lines"]})
    with pytest.raises(ValueError, match="objects"):
        spell(Histogram("h", np.array([["a"]], object), ("g",), "v"))
    assert not list(tmp_path.iterdir())


def test_artifacts_are_read_without_jax():
    code = (
        "import sys, research.engine.artifacts, research.report.page\nprint('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False", done.stdout
