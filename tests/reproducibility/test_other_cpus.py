"""One digest on every x86-64 CPU: under each kernel, instruction set and kind of CPU at hand."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from research.engine.environment import level_1_cache, vector_extensions
from research.options.catalog import ROOT, catalog
from tests.reproducibility import bits_run

EXTENSIONS = set(vector_extensions())
pytestmark = pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64") or "avx2" not in EXTENSIONS,
    reason="an x86-64 CPU with AVX2 is needed",
)
ORTHOGONAL = ("rl/cartpole_ppo", "sequence/gru_ten_steps")
"""Orthogonal weights of nets, and of gates."""
KERNELS = {"Prescott": "sse2", "Haswell": "avx2", "Zen": "avx2", "SkylakeX": "avx512f"}
"""Kernel of OpenBLAS -> what a CPU must have for it."""
POSSIBLE = [kernel for kernel, needed in KERNELS.items() if needed in EXTENSIONS]
AS_XLA_HAS_IT = {
    "XLA_FLAGS": "--xla_cpu_max_isa=AMX --xla_cpu_enable_platform_dependent_math=true",
    "ONEDNN_MAX_CPU_ISA": "ALL",
}
KINDS = ["haswell", "skylake", "zen2", "zen3"]
KINDS += ["skylake-avx512", "zen4", "zen5"] if "avx512f" in EXTENSIONS else []
"""As `other_cpu.c` has them: whose extensions this CPU has, too."""
DIFFERENT = (
    "vision/digits_cnn", "vision/digits_batch_norm", "vision/mnist_mlp", "rl/cartpole_ppo",
    "rl/cartpole_dqn", "rl/pendulum_sac", "rl/cartpole_cma_es", "rl/cartpole_pqn",
    "rl/breakout_ppo", "rl/frozen_lake_muzero", "sequence/sine_rnn", "sequence/lstm_ten_steps",
    "sequence/batch_norm_ten_steps", "sequence/gated_wavenet_ten_steps", "sequence/reber_gru",
    "sequence/char_transformer_small", "sequence/dates_attention", "sequence/imdb_gru",
)  # fmt: skip
"""What differs in what it is computed by."""
LEVEL_1 = {
    "32K": ("haswell", "skylake", "skylake-avx512", "zen2", "zen3", "zen4"),
    "48K": ("zen5",),
}
BY_LEVEL_1 = ("sequence/lstm_ten_steps", "sequence/batch_norm_ten_steps", "sequence/reber_gru")
"""Narrow layers over long batches, whose gradients Eigen cuts into blocks after that cache."""


def digests(size: str, steps: int, names: Sequence[str], **environment: str) -> dict[str, str]:
    settled = {"XLA_FLAGS", "OPENBLAS_CORETYPE", "ONEDNN_MAX_CPU_ISA"}
    inherited = {name: value for name, value in os.environ.items() if name not in settled}
    # What was compiled on this CPU is not what the other would have compiled.
    inherited["JAX_ENABLE_COMPILATION_CACHE"] = "false"
    ran = subprocess.run(
        [sys.executable, bits_run.__file__, size, str(steps), *names],
        cwd=ROOT,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=3600,
    )
    if ran.returncode == 77:
        pytest.skip("this kernel does not let CPUID be answered in its stead")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def other_cpu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that makes this CPU look like one of another kind."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("a C compiler on Linux is needed")
    library = tmp_path_factory.mktemp("cpu") / "other_cpu.so"
    source = Path(__file__).with_name("other_cpu.c")
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


def on(kind: str, library: Path) -> dict[str, str]:
    return {"LD_PRELOAD": str(library), "AS_CPU": kind}


@pytest.mark.slow
def test_orthogonal_weights_do_not_follow_the_kernel_of_blas() -> None:
    names = (*ORTHOGONAL, "lapack")
    first, last = (
        digests("smoke", 0, names, OPENBLAS_CORETYPE=kernel)
        for kernel in (POSSIBLE[0], POSSIBLE[-1])
    )
    assert first.pop("lapack") != last.pop("lapack")  # control: the kernels do differ
    assert first == last and first.keys() == set(ORTHOGONAL)


def test_operations_give_the_same_bits_on_a_cpu_of_another_kind(other_cpu: Path) -> None:
    """Control: as XLA has it by itself, they do not; where this CPU is another than that kind."""
    names = ("operations",)
    kind = "zen3" if "GenuineIntel" in Path("/proc/cpuinfo").read_text() else "haswell"
    assert digests("smoke", 0, names) == digests("smoke", 0, names, **on(kind, other_cpu))
    plain = digests("smoke", 0, names, **AS_XLA_HAS_IT)
    assert plain != digests("smoke", 0, names, **AS_XLA_HAS_IT, **on(kind, other_cpu))


@pytest.mark.slow
def test_all_experiments_start_alike_under_all_kernels_and_instruction_sets() -> None:
    names = [entry.name for entry in catalog()]
    others = [{"OPENBLAS_CORETYPE": kernel} for kernel in POSSIBLE]
    if "avx512f" in EXTENSIONS:
        wide = {"XLA_FLAGS": "--xla_cpu_max_isa=AVX512", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}
        others.append(wide)
    usual = digests("full", 0, names)
    for other in others:
        assert digests("full", 0, names, **other) == usual, other


@pytest.mark.slow
@pytest.mark.parametrize("name", DIFFERENT)
def test_steps_are_the_same_on_cpus_of_all_kinds(name: str, other_cpu: Path) -> None:
    usual = digests("full", 5, [name])
    if not usual:
        pytest.skip("its data set is not prepared here")
    alike = KINDS if name not in BY_LEVEL_1 else [*LEVEL_1.get(level_1_cache(), ())]
    for kind in {*KINDS} & {*alike}:
        assert digests("full", 5, [name], **on(kind, other_cpu)) == usual, kind
