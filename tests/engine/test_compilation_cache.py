"""Compiled programs on disk: the same bits with and without, whatever happens to the files."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from research.engine import compilation_cache
from research.engine.compilation_cache import Entries, clear, kind, place, usage
from research.engine.fingerprint import fingerprint
from research.options.catalog import ROOT

VALUE = bytes(range(256)) * 4


@pytest.fixture
def notes() -> list[str]:
    return []


def only_entry(above: Path) -> Path:
    (found,) = above.glob("*/*.program")
    return found


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_an_entry_comes_back_as_it_was(notes, tmp_path):
    cache = Entries(tmp_path / "kind", notes.append)
    assert cache.get("one") is None
    cache.put("one", VALUE)
    assert (
        cache.get("one") == VALUE and Entries(tmp_path / "kind", notes.append).get("one") == VALUE
    )
    assert cache.get("two") is None and Entries(tmp_path / "other", notes.append).get("one") is None
    assert notes == []


@pytest.mark.parametrize(
    "harm",
    [
        lambda data: flip(data, 0),
        lambda data: flip(data, 40),
        lambda data: flip(data, len(data) - 1),
        lambda data: data[:-1],
        lambda data: data[:10],
        lambda data: b"",
        lambda data: data + b"\0",
    ],
    ids=["digest", "content", "last byte", "cut", "cut in the digest", "empty", "longer"],
)
def test_a_damaged_entry_is_told_once_and_replaced(notes, tmp_path, harm):
    cache = Entries(tmp_path / "kind", notes.append)
    cache.put("one", VALUE)
    path = only_entry(tmp_path)
    path.write_bytes(harm(path.read_bytes()))
    assert cache.get("one") is None
    (sentence,) = notes
    assert "damaged" in sentence and str(path) in sentence
    assert cache.get("one") is None and len(notes) == 1
    cache.put("one", VALUE)
    assert cache.get("one") == VALUE and len(notes) == 1


def test_a_whole_entry_of_another_key_is_damage_too(notes, tmp_path):
    cache = Entries(tmp_path / "kind", notes.append)
    cache.put("one", VALUE)
    path = only_entry(tmp_path)
    path.rename(path.with_stem("two"))
    assert cache.get("two") is None and len(notes) == 1


def test_what_was_not_used_for_longest_makes_room_in_all_folders(notes, tmp_path):
    small = 3 * (len(VALUE) + 32)
    first, second = (Entries(tmp_path / name, notes.append, small) for name in ("first", "second"))
    for number, (cache, key) in enumerate([(first, "a"), (second, "b"), (first, "c")]):
        cache.put(key, VALUE)
        file = next(tmp_path.glob(f"*/{key}.program"))
        os.utime(file, (number, number))
    assert usage(tmp_path) == (3, small)
    assert first.get("a") == VALUE  # used now, so that b is the oldest
    second.put("d", VALUE)
    assert usage(tmp_path) == (3, small)
    assert [first.get("a"), second.get("b"), first.get("c")] == [VALUE, None, VALUE]
    assert clear(tmp_path) == (3, small)
    assert usage(tmp_path) == (0, 0) and not list(tmp_path.iterdir()) and notes == []


def test_a_cache_that_cannot_be_written_is_told_once_and_left_alone(notes, tmp_path, monkeypatch):
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    cache = Entries(tmp_path / "kind", notes.append)
    cache.put("one", VALUE)
    monkeypatch.setattr(compilation_cache, "write_file", full)
    cache.put("two", VALUE)
    cache.put("three", VALUE)
    (sentence,) = notes
    assert "No space left" in sentence
    assert cache.get("one") == VALUE and cache.get("two") is None
    (tmp_path / "a file").write_text("")
    beneath = Entries(tmp_path / "a file" / "kind", notes.append)
    beneath.put("one", VALUE)
    assert beneath.get("one") is None and len(notes) == 2


def test_environments_whose_programs_differ_have_folders_of_their_own():
    here = fingerprint()
    forged = [
        {"cpu": "AnotherVendor family 1 model 1"},
        {"instruction_set": "avx2 (0a1b2c3d)"},
        {"level_1_cache": "1K"},
        {"pool_size": "3"},
        {"xla_flags": "--xla_cpu_max_isa=AVX2"},
        {"jaxlib": "0.10.1"},
        {"platform": "gpu"},
        {"device_kind": "another"},
        {"an entry": "of later versions"},
    ]
    kinds = {kind(here | change) for change in forged}
    assert len(kinds) == len(forged) and kind(here) not in kinds
    # The number of devices is in JAX's key, and does not part what one device does.
    assert kind(here | {"device_count": "8"}) == kind(here)


def test_the_place_is_this_users_own(monkeypatch, tmp_path):
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    monkeypatch.setenv("ENCORE_CACHE_DIR", str(tmp_path))
    assert place() == tmp_path / f"compiled-{os.getuid()}"
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "named"))
    assert place() == tmp_path / "named"


PROBE = """
import json, os, sys
from research.engine.environment import fix_pool
fix_pool()
import jax, jax.numpy as jnp
from research.engine import compilation_cache
told, hits = [], []
jax.monitoring.register_event_listener(
    lambda event, **_: hits.append(event) if event.endswith("/cache_hits") else None)
compilation_cache.enable(told.append)
@jax.jit
def compute(x):
    return jax.lax.fori_loop(0, 20, lambda i, y: jnp.tanh(y @ y) + i, x)
bits = float(compute(jax.device_put(jnp.eye(32))).sum()).hex()
print(json.dumps({"told": told, "hits": len(hits), "bits": bits}))
"""


def probe(tmp_path: Path, **variables: str) -> dict[str, Any]:
    kept = {n: v for n, v in os.environ.items() if n != "JAX_COMPILATION_CACHE_DIR"}
    ours = {"ENCORE_CACHE_DIR": str(tmp_path), "JAX_PLATFORMS": "cpu"}
    ours["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROBE],
        cwd=ROOT,
        env={**kept, **ours, **variables},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.stderr == ""
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def test_jax_uses_it_in_the_next_process(tmp_path):
    """And not where it is off, or damaged; that it is used at all is the control of the others."""
    cold = probe(tmp_path)
    assert cold["hits"] == 0 and not cold["told"]
    (folder,) = (tmp_path / f"compiled-{os.getuid()}").iterdir()
    assert folder.parent.stat().st_mode & 0o077 == 0
    warm = probe(tmp_path)
    assert warm["hits"] > 0 and not warm["told"]
    off = probe(tmp_path, JAX_ENABLE_COMPILATION_CACHE="false")
    assert off["hits"] == 0
    for entry in folder.iterdir():
        entry.write_bytes(flip(entry.read_bytes(), entry.stat().st_size // 2))
    damaged = probe(tmp_path)
    assert damaged["hits"] == 0 and all("damaged" in text for text in damaged["told"])
    assert len(damaged["told"]) == warm["hits"]
    assert probe(tmp_path) == warm
    assert {run["bits"] for run in (cold, off, damaged)} == {warm["bits"]}
    # What JAX's own key does not notice.
    elsewhere = probe(tmp_path, XLA_FLAGS="--xla_cpu_max_isa=AVX2")
    assert elsewhere["hits"] == 0 and len(list(folder.parent.iterdir())) == 2


def test_a_place_that_cannot_be_had_is_told_and_done_without(tmp_path):
    (tmp_path / f"compiled-{os.getuid()}").write_text("a file")
    found = probe(tmp_path)
    assert found["hits"] == 0 and len(found["told"]) == 1


MANY = """
import random, sys
from pathlib import Path
from research.engine.compilation_cache import Entries
chance = random.Random(sys.argv[2])
cache = Entries(Path(sys.argv[1]) / sys.argv[2][-1], sys.exit, 40_000)
def content(number):
    return random.Random(number).randbytes(1000 + 100 * number)
hits = 0
for _ in range(300):
    number = chance.randrange(30)
    found = cache.get(f"program-{number}")
    if found is None:
        cache.put(f"program-{number}", content(number))
    elif found != content(number):
        sys.exit(f"program-{number} is another")
    else:
        hits += 1
sys.exit(0 if hits else "nothing was ever found")
"""


def test_many_processes_write_read_and_make_room_at_once(tmp_path):
    """Two folders, each of two processes, which remove each other's entries all the time."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", MANY, str(tmp_path), name],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("1a", "2a", "3b", "4b")
    ]
    for process in started:
        said = process.communicate(timeout=120)[1]
        assert process.returncode == 0, said
    assert usage(tmp_path).size <= 40_000 and not list(tmp_path.glob("*/.*"))
