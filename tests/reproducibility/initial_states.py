"""Digests of what runs start from: `python initial_states.py SIZE NAME...`, SIZE smoke or full.

In a process of its own, since instruction sets and BLAS's kernel are settled when it starts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from research.engine.environment import settle_environment


def main(size: str, names: Sequence[str]) -> dict[str, str]:
    """Name -> digest of the initial state of seed 0; of all whose data are here."""
    from research.cli.catalog import ROOT, catalog, load, resolve
    from research.cli.opening import opened
    from research.engine.leaves import Reader, record_leaves, state_digest
    from research.errors import Mistake

    found = {}
    for name in names:
        named = load(resolve(name, catalog()))
        config = named.smoke(named.config()) if size == "smoke" else named.config()
        try:
            with opened(named, config, "auto", ROOT) as ready:
                leaves = ready.program.leaves(ready.program.initial(0), Reader())
        except Mistake as missing:
            if "TFDS_DATA_DIR" not in str(missing):
                raise
            continue
        found[named.name] = state_digest(record_leaves(leaves))
    return found


if __name__ == "__main__":
    settle_environment()
    print(json.dumps(main(sys.argv[1], sys.argv[2:])))
