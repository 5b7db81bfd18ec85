"""Compiling that takes half the time, for what holds however little a program is optimised."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import jax
import pytest
from jax._src import compilation_cache, compiler

PLAINLY = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    # Another way to make loops of fused operations: a small program is made in half the time.
    "xla_cpu_use_fusion_emitters": False,
}


@contextlib.contextmanager
def compile_plainly(*, keep: bool = False) -> Iterator[None]:
    """All that is compiled within is hardly optimised, and not kept but where that is asked for."""

    def get_options(*arguments: Any, **more: Any) -> Any:
        more["env_options_overrides"] = PLAINLY | (more.get("env_options_overrides") or {})
        return options(*arguments, **more)

    options = compiler.get_compile_options
    kept = jax.config.jax_enable_compilation_cache  # type: ignore[attr-defined]
    jax.clear_caches()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "get_compile_options", get_options)
        _keep_programs(kept and keep)
        yield
        _keep_programs(kept)
    jax.clear_caches()


def _keep_programs(kept: bool) -> None:
    jax.config.update("jax_enable_compilation_cache", kept)
    compilation_cache.reset_cache()


def flags() -> str:
    """The same, as XLA_FLAGS has it, beside what they are."""
    more = (f"--{name}={str(value).lower()}" for name, value in PLAINLY.items())
    return " ".join([os.environ.get("XLA_FLAGS", ""), *more])
