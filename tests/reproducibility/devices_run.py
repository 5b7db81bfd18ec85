"""One experiment on several numbers of devices: `python devices_run.py NAME FIELDS DEVICES`.

In a process of its own, since the number of devices is settled when JAX starts.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from research.engine.environment import fix_devices, settle_environment

STEPS = 6


def main(name: str, fields: dict[str, Any], counts: list[int]) -> dict[str, str]:
    """Digest after some steps: of each number of devices, and of 4 and 1 that take turns."""
    import jax

    from research.engine.digests import record_leaves, state_digest
    from research.engine.leaves import Reader
    from research.engine.program import Program
    from research.options.assembly import AS_IT_FITS, open_experiment
    from research.options.catalog import ROOT, catalog, load, resolve

    named = load(resolve(name, catalog()))
    config = dataclasses.replace(named.config.smoke(), **fields)
    reader = Reader()
    with open_experiment(named, config, AS_IT_FITS, ROOT) as ready:
        programs = {
            devices: Program(ready.experiment, ready.program.feed, jax.devices()[:devices])
            for devices in counts
        }

    def part(devices: int, start: int, stop: int, leaves: Any = None) -> Any:
        program = programs[devices]
        carry = program.initial(0) if leaves is None else program.place(leaves)
        for window in program.windows(0, start, stop):
            carry = program.advance(carry, window.arrays, start, stop, fresh=False, halt=True)
        assert program.compilations["advance"] == 1
        return program.leaves(carry, reader)

    def digest(leaves: Any) -> str:
        return state_digest(record_leaves(leaves))

    found = {str(devices): digest(part(devices, 0, STEPS)) for devices in counts}
    half = STEPS // 2
    if not {1, 4} <= set(counts):
        return found
    found["4, then 1"] = digest(part(1, half, STEPS, part(4, 0, half)))
    found["1, then 4"] = digest(part(4, half, STEPS, part(1, 0, half)))
    return found


if __name__ == "__main__":
    settle_environment()
    fix_devices(8)
    print(json.dumps(main(sys.argv[1], *map(json.loads, sys.argv[2:]))))
