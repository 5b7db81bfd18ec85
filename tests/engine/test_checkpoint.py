"""Checkpoints: what is read is what was written, or it is said what is wrong."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.engine import checkpoint
from research.engine.checkpoint import Facts, Retention
from research.engine.digests import record_leaves
from research.engine.leaves import Reader, name_leaves
from research.errors import Damaged

FACTS = Facts(False, 1.5)


def some_leaves(seed=0):
    generator = np.random.default_rng(seed)
    tree = {
        "state": {
            "params": generator.normal(size=(64, 64)).astype(np.float32),
            "half": jnp.asarray(generator.normal(size=5), jnp.bfloat16),
            "key": jax.random.key(seed),
            "nothing": np.zeros((0, 3), np.float32),
            "flags": np.bool_([1, 0]),
            "scalar": np.float32(-0.0),
        },
        "nonfinite": np.int32(-1),
    }
    return Reader()(name_leaves(tree))


def write(directory, step=3, leaves=None):
    leaves = some_leaves() if leaves is None else leaves
    return checkpoint.write(directory, step, leaves, record_leaves(leaves), FACTS)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture
def stored(written, tmp_path):
    return Path(shutil.copytree(written, tmp_path / written.name))


def files_of(path):
    return sorted(file for file in path.rglob("*") if file.is_file())


def test_what_is_read_is_what_was_written(written):
    found = checkpoint.read(written.parent, 3)
    leaves = some_leaves()
    assert list(found.leaves) == list(leaves)
    for name, leaf in leaves.items():
        assert found.leaves[name].dtype == leaf.dtype and found.leaves[name].shape == leaf.shape
        assert found.leaves[name].tobytes() == leaf.tobytes()
    assert found.records == record_leaves(leaves)
    assert found.facts == FACTS
    assert not list(written.parent.glob(".*"))


def test_a_checkpoint_of_no_elements_at_all(tmp_path):
    leaves = {"state": np.zeros((0,), np.float32)}
    write(tmp_path, 0, leaves)
    assert checkpoint.read(tmp_path, 0).leaves["state"].shape == (0,)


def flip(file, chance):
    data = bytearray(file.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    file.write_bytes(data)


DAMAGES = {
    "flipped": flip,
    "cut short": lambda file, chance: file.write_bytes(file.read_bytes()[:-1]),
    "emptied": lambda file, chance: file.write_bytes(b""),
    "longer": lambda file, chance: file.write_bytes(file.read_bytes() + b"\0"),
    "removed": lambda file, chance: file.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_file_that_is(damage, stored):
    chance = random.Random(damage)
    files = files_of(stored)
    assert len(files) >= 4
    for file in files:
        content = file.read_bytes()
        if not content and damage in ("flipped", "cut short", "emptied"):
            continue
        for _ in range(4 if damage == "flipped" else 1):
            DAMAGES[damage](file, chance)
            with pytest.raises(Damaged, match=r"checkpoint .*/3 is damaged") as told:
                checkpoint.read(stored.parent, 3)
            assert file.name in str(told.value)
            file.write_bytes(content)
    checkpoint.read(stored.parent, 3)


def test_a_manifest_spelled_otherwise_is_damaged(stored):
    manifest = stored / "manifest.json"
    manifest.write_text(manifest.read_text().replace("\n", "\t", 1))
    with pytest.raises(Damaged, match="not spelled as it was written"):
        checkpoint.read(stored.parent, 3)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"null", b"\xff\xfe", b'{"sha256": 3}'])
def test_a_manifest_that_is_none_is_damaged(stored, content):
    (stored / "manifest.json").write_bytes(content)
    with pytest.raises(Damaged, match="manifest"):
        checkpoint.read(stored.parent, 3)


def test_a_file_too_many_is_damaged(stored):
    (stored / "leaves" / "stranger").write_text("?")
    with pytest.raises(Damaged, match="leaves/stranger does not belong there"):
        checkpoint.read(stored.parent, 3)


def test_a_file_or_nothing_in_place_of_a_checkpoint_is_damaged(tmp_path):
    (tmp_path / "4").write_text("?")
    for step in (4, 5):
        with pytest.raises(Damaged, match=f"checkpoint .*/{step} is damaged"):
            checkpoint.read(tmp_path, step)


def test_content_of_another_checkpoint_is_named_by_leaf(tmp_path, stored, monkeypatch):
    other = write(tmp_path / "other", leaves=some_leaves(1))
    shutil.rmtree(stored / "leaves")
    shutil.copytree(other / "leaves", stored / "leaves")
    with pytest.raises(Damaged, match="has changed"):
        checkpoint.read(stored.parent, 3)
    # The leaves' own digests are a second line: they hold where the files' are made to agree.
    monkeypatch.setattr(checkpoint.durable, "changed_files", lambda recorded, found: [])
    with pytest.raises(Damaged, match="leaf state/half is not what was saved"):
        checkpoint.read(stored.parent, 3)


def test_a_save_that_never_ended_is_not_there_and_is_removed(tmp_path, written, monkeypatch):
    shutil.copytree(written / "leaves", tmp_path / ".5.123.part" / "leaves")
    (tmp_path / ".result.json.123.part").write_text("{")
    (tmp_path / "note").write_text("stays")
    assert checkpoint.stored_steps(tmp_path) == []
    checkpoint.remove_parts(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["note"]
    checkpoint.remove_parts(tmp_path / "absent")


def test_a_save_that_fails_leaves_nothing_and_spoils_nothing(tmp_path, monkeypatch):
    write(tmp_path, 3)

    def refuse(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.durable, "sync_tree", refuse)
    for step in (3, 4):
        with pytest.raises(OSError, match="No space left"):
            write(tmp_path, step, some_leaves(1))
    assert [path.name for path in tmp_path.iterdir()] == ["3"]
    assert checkpoint.read(tmp_path, 3).records == record_leaves(some_leaves())


def test_what_is_written_twice_sets_the_first_aside(tmp_path):
    write(tmp_path, 3)
    write(tmp_path, 3, some_leaves(1))
    assert checkpoint.read(tmp_path, 3).records == record_leaves(some_leaves(1))
    assert checkpoint.stored_steps(tmp_path) == [3]
    assert {path.name for path in tmp_path.iterdir()} == {"3", "3.aside-0"}


def test_nothing_is_cast_and_every_misfit_is_named():
    shapes = jax.eval_shape(
        lambda: {
            "a": jnp.zeros(3),
            "b": jnp.zeros(3, jnp.bfloat16),
            "c": jnp.zeros((2, 3)),
            "d": jnp.zeros(()),
            "key": jax.random.key(0),
        }
    )
    fitting = Reader()(name_leaves(jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), {
        name: shape for name, shape in shapes.items() if name != "key"
    })))  # fmt: skip
    fitting["key"] = np.zeros(2, np.uint32)
    assert checkpoint.mismatches(record_leaves(fitting), shapes) == []
    wrong = {
        **fitting,
        "a": np.zeros(3, jnp.bfloat16),
        "b": np.zeros(3, np.float32),
        "c": np.zeros((3, 2), np.float32),
        "e": np.zeros(1, np.float32),
        "key": np.zeros(4, np.uint32),
    }
    del wrong["d"]
    assert checkpoint.mismatches(record_leaves(wrong), shapes) == [
        "a is bfloat16[3], the program takes float32[3]",
        "b is float32[3], the program takes bfloat16[3]",
        "c is float32[3, 2], the program takes float32[2, 3]",
        "d is not in the checkpoint",
        "e is unknown to the program",
        "key is uint32[4], the program takes uint32[2]",
    ]


@pytest.mark.parametrize(
    ("retention", "best", "stay"),
    [
        (Retention(3), None, [40, 50, 60]),
        (Retention(1), None, [60]),
        (Retention(0), None, [60]),
        (Retention(2, every=20), None, [0, 20, 40, 50, 60]),
        (Retention(1), 10, [10, 60]),
        (Retention(99), None, [0, 10, 20, 30, 40, 50, 60]),
    ],
)
def test_retention(tmp_path, retention, best, stay):
    for step in range(0, 70, 10):
        (tmp_path / str(step)).mkdir()
        (tmp_path / str(step) / "file").write_text("x")
    (tmp_path / "20.aside-0").mkdir()
    removed = checkpoint.prune(tmp_path, retention, lambda step: step == best)
    assert checkpoint.stored_steps(tmp_path) == stay
    assert sorted([*removed, *stay]) == list(range(0, 70, 10))
    assert (tmp_path / "20.aside-0").is_dir() and not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("says", "raised"),
    [
        ("Save failed: 6/6 params are missing .zarray in checkpoint", FileNotFoundError),
        ("shapes do not fit", ValueError),  # control: any other error is a bug, and stays one
    ],
)
def test_files_deleted_under_orbax_are_missed_as_files(tmp_path, monkeypatch, says, raised):
    class Refusing:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def save(self, path, stored):
            raise ValueError(says)

    monkeypatch.setattr(checkpoint, "_orbax", Refusing)
    with pytest.raises(raised) as told:
        checkpoint._store(tmp_path / "content", {"0": np.ones(3)})
    if raised is FileNotFoundError:
        assert told.value.filename == str(tmp_path / "content")
