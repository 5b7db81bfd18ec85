"""Before anything else: the CPU pool's size is fixed, as it is for every run."""

import contextlib
import os
import signal

with contextlib.suppress(ImportError):
    # Its import configures logging, which closes all handlers there are: absl's would close the
    # stream that pytest captures into. Imported first, it finds none.
    import submitit  # noqa: F401

from research.engine.environment import fix_pool

fix_pool()
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# A shell's background job starts with Ctrl-C ignored, and so would what it starts; tests on
# interrupts need it to be what it is in a terminal.
signal.signal(signal.SIGINT, signal.default_int_handler)
