"""Before anything else: the CPU pool's size is fixed, as it is for every run."""

import atexit
import contextlib
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

with contextlib.suppress(ImportError):
    # Its import configures logging, which closes all handlers there are: absl's would close the
    # stream that pytest captures into. Imported first, it finds none.
    import submitit  # noqa: F401

from research.engine.environment import settle_environment

settle_environment()
os.environ.setdefault("JAX_PLATFORMS", "cpu")
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    # Runs in processes of their own would compile the same programs again and again. One directory
    # for all workers and what they start, new each time: the person's own would hide faults.
    compiled = tempfile.mkdtemp(prefix="encore-tests-")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = compiled
    atexit.register(shutil.rmtree, compiled, ignore_errors=True)

from research.engine import compilation_cache  # noqa: E402

# What it has to say is a warning, and so a test's failure.
compilation_cache.enable(warnings.warn)
# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
# A shell's background job starts with Ctrl-C ignored, what `nohup` starts with SIGHUP, and so would
# what they start; tests on interrupts need both to be what they are in a terminal.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="module")
def plainly_compiled() -> Iterator[None]:
    """For tests of equations: these hold however little a program is optimised, and compiling is
    most of their time.

    What rests on the compiler, bits, is tested with all of its optimisations in
    `tests/reproducibility`.
    """
    import jax

    jax.clear_caches()
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
    jax.clear_caches()
