"""A process that is not the first of a run: it computes its share, and writes and shows nothing."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING

from research.engine.interrupts import SIGNALS
from research.errors import Exit
from research.options.command import Context, Outcome
from research.options.opening import named_of, opened_run
from research.options.pace import Pace

if TYPE_CHECKING:
    from research.engine.identity import Identity
    from research.engine.processes import Channel


def follow_run(
    identity: Identity,
    files: Mapping[str, str],
    options: Pace,
    context: Context,
    channel: Channel,
) -> Outcome:
    """Compute what the first process says, until the run is done or stopped; ends as it does.

    A signal to all processes, as Ctrl-C or a cluster sends it, is answered by the first alone: it
    saves, and lets this one go.
    """
    from research.engine.processes import follow

    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    named = named_of(identity, context.root)
    with opened_run(
        named, identity, options.data, context.root, files=files, channel=channel
    ) as ready:
        complete = follow(ready.program, channel)
    return Outcome({}, Exit.DONE if complete else Exit.STOPPED)
