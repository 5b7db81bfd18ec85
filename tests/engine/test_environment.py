"""What is settled before JAX starts, seen in processes of their own."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from research.engine.environment import INSTRUCTION_SET, PORTABLE_FLAGS, SETTINGS, settle_settings

ROOT = Path(__file__).resolve().parents[2]
OURS = " ".join(f"{name}={value}" for name, value in PORTABLE_FLAGS.items())
x86 = pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"), reason="instruction sets of x86-64"
)


def clean(**more: str) -> dict[str, str]:
    """This process's environment without what is settled, and with more."""
    settled = {"NPROC", "XLA_FLAGS", "ONEDNN_MAX_CPU_ISA", "OPENBLAS_CORETYPE"}
    settled |= {name.upper() for name in SETTINGS}
    kept = {name: value for name, value in os.environ.items() if name not in settled}
    return kept | {"JAX_PLATFORMS": "cpu", **more}


def probe(code: str, **more: str) -> dict:
    """What the code leaves in `found`, run after the environment was settled."""
    whole = (
        "import json, os\nfrom research.engine.environment import settle_environment\n"
        f"note, found = settle_environment(), {{}}\n{code}\n"
        "print(json.dumps({'note': note, 'flags': os.environ.get('XLA_FLAGS'), **found}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", whole],
        cwd=ROOT,
        env=clean(**more),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@x86
def test_the_instruction_set_is_fixed_and_flags_of_the_users_own_stay(tmp_path: Path) -> None:
    assert probe("") == {"note": None, "flags": OURS}
    assert probe("", XLA_FLAGS="--xla_dump_to=/x")["flags"] == f"--xla_dump_to=/x {OURS}"
    # The same value, said by hand, is nothing to speak of.
    first, second = OURS.split()
    assert probe("", XLA_FLAGS=first) == {"note": None, "flags": OURS}
    other = probe("", XLA_FLAGS="--xla_cpu_max_isa=SSE4_2")
    assert other["flags"] == f"--xla_cpu_max_isa=SSE4_2 {second}"
    assert "--xla_cpu_max_isa=SSE4_2, Encore sets AVX2" in other["note"]
    kernels = probe("", ONEDNN_MAX_CPU_ISA="SSE41")
    assert kernels["flags"] == OURS and "ONEDNN_MAX_CPU_ISA is SSE41" in kernels["note"]
    file = tmp_path / "flags"
    file.write_text("--xla_a=1\n--xla_b=2\n")
    assert probe("", XLA_FLAGS=str(file))["flags"] == f"--xla_a=1 --xla_b=2 {OURS}"


RECIPROCAL = """
import jax, numpy as np
x = np.random.default_rng(0).uniform(0.01, 100, 4096).astype(np.float32)
divided = (1 / np.sqrt(x)).astype(np.float32)
found['equal'] = float(np.mean(np.asarray(jax.jit(jax.lax.rsqrt)(x)) == divided))
"""


@x86
def test_a_reciprocal_root_is_a_division_which_all_cpus_round_alike() -> None:
    """Control: what XLA does by itself starts from an approximation that vendors differ in."""
    assert probe(RECIPROCAL)["equal"] == 1.0
    flags = "--xla_cpu_enable_platform_dependent_math=true"
    assert probe(RECIPROCAL, XLA_FLAGS=flags)["equal"] < 1.0


@x86
def test_what_is_in_effect_is_in_the_fingerprint() -> None:
    code = "from research.engine.fingerprint import fingerprint\nfound = fingerprint()"
    usual, other = probe(code), probe(code, XLA_FLAGS="--xla_cpu_max_isa=AVX")
    assert usual["xla_flags"] == " ".join(sorted(OURS.split()))
    assert usual["instruction_set"].startswith(INSTRUCTION_SET.lower())
    assert other["instruction_set"] == "avx"
    assert usual["onednn"] == INSTRUCTION_SET
    kernel = probe(code, OPENBLAS_CORETYPE="Prescott")
    assert kernel["blas"] != usual["blas"] and kernel["cpu"] == usual["cpu"]


def test_settings_are_what_jax_has_by_itself() -> None:
    """So that only what somebody changed is replaced; and each is one that JAX knows."""
    import jax

    assert {name: str(jax.config.values[name]) for name in SETTINGS} == {
        name: setting.value for name, setting in SETTINGS.items()
    }
    assert list(settle_settings({})) == []


def test_in_an_imported_jax_they_are_set_too() -> None:
    import jax

    jax.config.update("jax_enable_x64", True)
    (said,) = settle_settings({})
    assert not jax.config.jax_enable_x64 and "jax_enable_x64=True was replaced by False" in said


OTHERS = {
    "jax_enable_x64": "1",
    "jax_disable_jit": "yes",
    "jax_threefry_partitionable": "0",
    "jax_default_prng_impl": "rbg",
    "jax_default_matmul_precision": "bfloat16",
    "jax_numpy_dtype_promotion": "strict",
    "jax_numpy_rank_promotion": "raise",
    "jax_random_seed_offset": "7",
    "jax_disable_most_optimizations": "true",
    "jax_transfer_guard": "disallow",
    "jax_softmax_custom_jvp": "maybe",  # JAX itself would not start
}


def launched(tmp_path: Path, **more: str) -> tuple[dict, str]:
    command = [sys.executable, "launch.py", "run", "rl/three_state_q_learning", "--smoke"]
    run = subprocess.run(
        [*command, "--json", "--no-report", "--runs-dir", str(tmp_path)],
        cwd=ROOT,
        env=clean(**more),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout), run.stderr


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, str]:
    return launched(tmp_path_factory.mktemp("usual"))


def test_settings_of_another_value_are_replaced_and_the_result_is_the_same(
    usual: tuple[dict, str], tmp_path: Path
) -> None:
    """All at once; without replacing them the same launch fails or has other bits."""
    result, told = launched(tmp_path, **{name.upper(): value for name, value in OTHERS.items()})
    assert result["digest"] == usual[0]["digest"]
    for name, value in OTHERS.items():
        assert f"{name.upper()}={value} was replaced by {SETTINGS[name].value}" in told
    assert "replaced" not in usual[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_each_setting_alone_changes_nothing(
    name: str, usual: tuple[dict, str], tmp_path: Path
) -> None:
    result, told = launched(tmp_path, **{name.upper(): OTHERS[name]})
    assert result["digest"] == usual[0]["digest"] and told.count("was replaced") == 1


def test_settings_that_change_no_bit_stay(usual: tuple[dict, str], tmp_path: Path) -> None:
    stay = {"JAX_DEBUG_NANS": "1", "JAX_CHECK_TRACER_LEAKS": "1", "JAX_LOG_COMPILES": "1"}
    result, told = launched(tmp_path, **stay)
    assert result["digest"] == usual[0]["digest"]
    assert "replaced" not in told and "Compiling" in told
