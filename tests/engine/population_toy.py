"""Populations of the toy on one device and several: `python population_toy.py`, one JSON line.

In a process of its own, since the number of devices is settled when JAX starts.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import jax

from research.engine.digests import member_digests
from research.engine.environment import fix_devices, settle_environment
from research.engine.leaves import Reader
from research.engine.population import Population, Seeded
from tests.engine.toy import ToyFeed, make_toy

CASES = ((1, 1, 4), (1, 2, 4), (1, 4, 5), (2, 1, 4), (2, 2, 5))
"""Width, devices, members."""


def digests(width: int, devices: int, members: int) -> list[str]:
    experiment = make_toy()
    seeded = [Seeded(offset, experiment.hyperparameters) for offset in range(members)]
    population = Population(experiment, ToyFeed(), seeded, width, jax.devices()[:devices])
    carry = population.initial(0)
    for start, stop in ((0, 7), (7, 60)):
        for window in population.windows(0, start, stop):
            arrays: Any = window.arrays
            carry = population.advance(carry, arrays, start, stop, fresh=False, halt=True)
    assert population.compilations == {"initial": 1, "advance": 1}
    return member_digests(population.leaves(carry, Reader()))


if __name__ == "__main__":
    settle_environment()
    fix_devices(4)
    print(json.dumps([[*case, digests(*case)] for case in CASES]))
