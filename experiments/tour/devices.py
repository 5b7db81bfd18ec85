"""Devices: where arrays lie, what goes to the host, and one gradient shared by 1, 2, 4 and 8.

Eight virtual CPU devices stand in for eight accelerators, in a process of their own. The first
table has where results lie: a result lies where its inputs do, and inputs on different devices are
refused. The second has the digest of one gradient of `tour/custom_parts`, by a number of devices:
averaged over devices, as is common, each number of devices has bits of its own; in eight groups
that are added in a fixed tree, as Encore does it, the bits are the same. The third counts what is
read back from the device by a loop that looks at its loss in each step, and by one that adds it up
there; reading is what makes a loop wait. For a whole run on several devices or in several
processes, see `docs/tour.md`.

Run: python launch.py run tour/devices
Expected: groups/digests 1 and mean/digests 4, over 1, 2, 4 and 8 devices; reads 200 and 1
Time: 8 s
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import jax
import jax.numpy as jnp

from research.engine.artifacts import Passages
from research.engine.leaves import Reader
from research.options.ranges import COUNT
from research.study import Findings, Study, spell_table
from research.tour.several_devices import COUNTS, ask_process

WAYS = {"mean": "mean over devices", "groups": "eight groups, fixed tree"}


@dataclass(frozen=True)
class Devices(Study):
    """Options."""

    steps: Annotated[int, "steps of the loops that are read", COUNT] = 200

    @property
    def headline(self) -> str:
        """Results of the shared gradient over all numbers of devices."""
        return "groups/digests"

    def find(self, drawn: Any, data: Mapping[str, Any]) -> Findings:
        """Asks the other process, and counts reads in this one."""
        del drawn, data
        found = ask_process()
        reads = {name: count_reads(loop, self.steps) for name, loop in LOOPS.items()}
        figures = {
            **{f"{way}/digests": float(len({*found["digests"][way]})) for way in WAYS},
            **{f"{name}/reads": float(reader.reads) for name, reader in reads.items()},
            **{f"{name}/bytes": float(reader.bytes) for name, reader in reads.items()},
        }
        digests = [(words, *found["digests"][way]) for way, words in WAYS.items()]
        tables = (
            spell_table(("", "lies on"), found["placement"]),
            spell_table(("the gradient of one batch", *map(str, COUNTS)), digests),
            spell_table(
                (f"{self.steps} steps", "reads", "bytes"),
                [(name.replace("_", " "), r.reads, r.bytes) for name, r in reads.items()],
            ),
        )
        captions = (
            "where arrays lie",
            "digests by the number of devices",
            "what goes back to the host",
        )
        return Findings(figures, {"devices": Passages("Devices", tables, captions)})


@jax.jit
def step(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A step of some descent, and its loss."""
    return x - 0.1 * jnp.sin(x), jnp.mean(1 - jnp.cos(x))


def reading_each_loss(reader: Reader, x: jax.Array, steps: int) -> None:
    """The loss goes to the host in each step."""
    total = 0.0
    for _ in range(steps):
        x, loss = step(x)
        total += float(reader(loss))


def adding_on_the_device(reader: Reader, x: jax.Array, steps: int) -> None:
    """The losses' sum does, at the end."""
    total = jnp.float32(0.0)
    for _ in range(steps):
        x, loss = step(x)
        total = total + loss
    reader(total)


def reading_each_state(reader: Reader, x: jax.Array, steps: int) -> None:
    """The whole state goes to the host in each step."""
    for _ in range(steps):
        x, _ = step(x)
        reader(x)


LOOPS: Mapping[str, Callable[[Reader, jax.Array, int], None]] = {
    "loss_each_step": reading_each_loss,
    "sum_at_the_end": adding_on_the_device,
    "state_each_step": reading_each_state,
}


def count_reads(loop: Callable[[Reader, jax.Array, int], None], steps: int) -> Reader:
    """The reader after a loop over 1,000 numbers."""
    reader = Reader()
    loop(reader, jnp.linspace(-1.0, 1.0, 1000), steps)
    return reader


config = Devices()
