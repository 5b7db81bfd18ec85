"""Before anything else: the CPU pool's size is fixed, as it is for every run."""

import atexit
import contextlib
import os
import re
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Each worker is given whole files, or of a file all that is of one experiment.

    These share fixtures, and so what is compiled. (Marks for `--dist loadgroup` would do the same:
    xdist 3.8 loses them with pytest 9.)
    """
    from xdist.scheduler import LoadScopeScheduling

    class Scheduler(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            experiment = re.search(r"\[\w+/[\w ]+\]$", nodeid)
            return nodeid.partition("::")[0] + (experiment[0] if experiment else "")

    # As they were collected, not those of most tests first: then the last ones are not the longest.
    config.option.loadscopereorder = False
    return Scheduler(config, log)


@pytest.fixture(scope="module")
def plainly_compiled() -> Iterator[None]:
    """For tests of equations: these hold however little a program is optimised, and compiling is
    most of their time.

    What rests on the compiler, bits, is tested with all of its optimisations in
    `tests/reproducibility`. Hardly any program is compiled twice: to keep them takes longer.
    """
    from tests.plainly import compile_plainly

    with compile_plainly():
        yield


@pytest.fixture(scope="module")
def plain_commands() -> Iterator[None]:
    """As `plainly_compiled`, for commands in this process and in others, which compile the same
    programs again and again: these are kept.
    """
    import jax

    from tests.plainly import compile_plainly, flags

    jax.devices()  # XLA has read its flags
    with compile_plainly(keep=True), pytest.MonkeyPatch.context() as patch:
        patch.setenv("XLA_FLAGS", flags())
        yield
