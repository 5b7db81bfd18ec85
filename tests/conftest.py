"""Before anything else: the CPU pool's size is fixed, as it is for every run."""

import os

from research.engine.environment import fix_pool

fix_pool()
os.environ.setdefault("JAX_PLATFORMS", "cpu")
