"""What runs start from is the same under every kernel of BLAS and instruction set at hand."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence

import pytest

from research.cli.catalog import ROOT, catalog
from research.engine.processor import vector_extensions
from tests.reproducibility import initial_states

pytestmark = pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"), reason="kernels and sets of x86-64"
)
ONE_OF_EACH = ("rl/cartpole_ppo", "sequence/gru_ten_steps", "rl/cartpole_cma_es")
"""Orthogonal weights of nets and of gates, and axes of a search."""
KERNELS = {"Prescott": set(), "Haswell": {"avx2"}, "Zen": {"avx2"}, "SkylakeX": {"avx512f"}}
"""Kernel of OpenBLAS -> what a CPU must have for it."""


def digests(size: str, names: Sequence[str], **environment: str) -> dict[str, str]:
    # What was compiled for other instructions is not asked for here.
    settled = {"XLA_FLAGS", "OPENBLAS_CORETYPE", "JAX_COMPILATION_CACHE_DIR"}
    inherited = {name: value for name, value in os.environ.items() if name not in settled}
    ran = subprocess.run(
        [sys.executable, initial_states.__file__, size, *names],
        cwd=ROOT,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=3600,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def possible() -> list[str]:
    return [kernel for kernel, needed in KERNELS.items() if needed <= set(vector_extensions())]


def test_one_of_each_kind_under_kernels_that_differ_most() -> None:
    first, last = (digests("smoke", ONE_OF_EACH, OPENBLAS_CORETYPE=possible()[i]) for i in (0, -1))
    assert first == last and first.keys() == set(ONE_OF_EACH)


@pytest.mark.slow
def test_all_experiments_under_all_kernels_and_instruction_sets() -> None:
    names = [entry.name for entry in catalog()]
    usual = digests("full", names)
    for kernel in possible():
        assert digests("full", names, OPENBLAS_CORETYPE=kernel) == usual, kernel
    if "avx512f" in vector_extensions():
        assert digests("full", names, XLA_FLAGS="--xla_cpu_max_isa=AVX512") == usual
