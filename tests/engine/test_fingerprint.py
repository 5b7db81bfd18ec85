"""The fingerprint, and the pool that it records."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from research.engine import environment
from research.engine.environment import POOL_SIZE
from research.engine.fingerprint import (
    POOL,
    Grade,
    difference,
    fingerprint,
    flags,
    grade,
    instructions,
    pool_size,
    version,
)

ROOT = Path(__file__).resolve().parents[2]


def test_it_is_text_and_repeats():
    found = fingerprint()
    assert found == fingerprint()
    assert all(isinstance(value, str) for value in found.values())
    assert json.loads(json.dumps(found)) == found
    assert found[POOL] == str(POOL_SIZE)
    packages = ("jax", "jaxlib", "numpy", "flax", "optax", "gymnax", "mctx", "evosax")
    for name in (*packages, "platform", "python", "blas"):
        assert found[name] not in ("", "not known", "not installed")


@pytest.mark.parametrize("name", sorted(fingerprint()))
def test_every_entry_counts(name):
    old = fingerprint()
    new = old | {name: "something else"}
    (sentence,) = difference(old, new)
    assert "something else" in sentence
    assert grade(old, new) is (Grade.SLICING if name == "device_count" else Grade.ELSEWHERE)


def test_equal_and_incomplete_fingerprints():
    """What an older Encore did not record is said, and is no sign of another environment."""
    full = fingerprint()
    part = {name: value for name, value in full.items() if name not in ("cpu", "mctx")}
    assert difference(full, dict(full)) == []
    assert grade(full, dict(full)) is Grade.SAME
    assert difference(part, full) == ["not recorded then: the CPU, mctx"]
    assert difference(full, part) == ["not recorded now: the CPU, mctx"]
    assert grade(part, full) is grade(full, part) is Grade.SAME
    # Control: what both have counts, whatever else is missing.
    assert grade(part | {"jax": "0"}, full) is Grade.ELSEWHERE
    assert "jax was 0 and is" in difference(part | {"jax": "0"}, full)[0]


def test_flags_that_change_nothing_are_left_out():
    assert flags("--xla_force_host_platform_device_count=8 --xla_dump_to=/tmp/x") == ""
    assert flags("--xla_b=1 --xla_a=2") == flags("--xla_a=2 --xla_b=1")
    assert flags("--xla_a=1 --xla_a=2") == "--xla_a=2"
    assert flags("--xla_a=1") != flags("--xla_a=2")
    assert flags("--xla_cpu_a=1 --xla_a=2", on_cpu=False) == "--xla_a=2"


def test_the_pool_is_the_larger_of_nproc_and_devices(monkeypatch):
    monkeypatch.setenv("NPROC", "6")
    assert pool_size(1) == 6
    assert pool_size(8) == 8
    monkeypatch.delenv("NPROC")
    assert pool_size(1) == len(os.sched_getaffinity(0))


def test_a_cpu_is_known_by_vendor_model_and_vector_extensions(tmp_path):
    text = "vendor_id : GenuineIntel\ncpu family : 6\nmodel : 85\nmodel name : X\nflags : {}\n\n"
    file = tmp_path / "cpuinfo"

    def read(words):
        file.write_text(text.format(words) * 2)
        return environment.vector_extensions(file)

    plain = read("fpu sse4_2 avx avx2 fma apic")
    assert environment.cpu_kind(file) == "GenuineIntel family 6 model 85"
    assert instructions(plain, "").startswith("avx2 (")
    # Flags that hypervisors add and remove change no bits; vector extensions do.
    assert read("fpu avx sse4_2 avx2 fma hypervisor") == plain
    wide = read("fpu sse4_2 avx avx2 fma avx512f")
    assert instructions(wide, "").startswith("avx512f (")
    assert instructions(read("fpu sse4_2 avx avx2"), "") != instructions(plain, "")
    # With a limit, CPUs that reach it are alike; one that does not is what it is.
    assert instructions(wide, "AVX2") == instructions(plain, "AVX2") == "avx2"
    assert instructions(plain, "AVX512") == instructions(plain, "")
    assert environment.vector_extensions(tmp_path / "none") == []


def test_a_package_that_is_not_there():
    assert version("no-such-package-as-this") == "not installed"


POOL_PROBE = """
import glob, json, os, sys
from research.engine.environment import backend_started, settle_environment
assert 'jax' not in sys.modules
os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
notes = [settle_environment()]
assert 'jax' not in sys.modules
import jax
assert not backend_started()
jax.numpy.ones(3).sum().block_until_ready()
assert backend_started()
os.environ['NPROC'] = '3'
notes.append(settle_environment())
comms = {comm: open(comm).read().strip() for comm in glob.glob('/proc/self/task/*/comm')}
threads = [int(comm.split('/')[4]) for comm, name in comms.items() if name == 'tf_XLAEigen']
policies = sorted({os.sched_getscheduler(thread) for thread in threads})
print(json.dumps({'threads': len(threads), 'policies': policies, 'notes': notes}))
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted in /proc")
@pytest.mark.parametrize("nproc", [None, "8", "5"])
def test_xlas_pool_really_has_that_many_threads(nproc):
    """Oracle: the kernel's list of this process's threads."""
    environment = {name: value for name, value in os.environ.items() if name != "NPROC"}
    environment["JAX_PLATFORMS"] = "cpu"
    environment |= {} if nproc is None else {"NPROC": nproc}
    run = subprocess.run(
        [sys.executable, "-c", POOL_PROBE],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        timeout=60,
    )
    found = json.loads(run.stdout)
    assert found["threads"] == POOL_SIZE
    assert found["policies"] == [os.SCHED_BATCH]
    assert (found["notes"][0] is not None) == (nproc == "5")
    assert "started before" in found["notes"][1]


def test_without_fixing_the_pool_follows_the_environment():
    """Negative control of the test above."""
    code = POOL_PROBE.replace("notes = [settle_environment()]", "notes = [None]")
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"NPROC": "5", "JAX_PLATFORMS": "cpu"},
        check=True,
        capture_output=True,
        timeout=60,
    )
    found = json.loads(run.stdout)
    assert found["threads"] == 5 and found["policies"] == [os.SCHED_OTHER]


def test_a_scheduling_policy_that_somebody_chose_stays():
    code = POOL_PROBE.replace("SCHED_OTHER", "SCHED_IDLE")
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert json.loads(run.stdout)["policies"] == [os.SCHED_IDLE]
