"""What `run` and `resume` do alike: devices and processes settled, then a run in its directory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from research.cli.display import Display
from research.cli.reporting import keep_report
from research.cli.tensorboard import with_events
from research.options.catalog import Named
from research.options.command import Context
from research.options.opening import opened_run
from research.options.pace import Pace, slicing

if TYPE_CHECKING:
    from research.engine.identity import Identity
    from research.engine.processes import Channel
    from research.engine.stored import Initial


def settle(pace: Pace) -> Channel | None:
    """Settle devices, and join the other processes where there are any; before JAX starts.

    Returns:
        The way to the other processes; None where this is the only one.

    Raises:
        Mistake: the devices or the processes are not there.
    """
    if pace.coordinator:
        from research.cli.together import end_with_parent
        from research.engine.processes import Joining, join

        end_with_parent()
        joining = Joining(pace.coordinator, pace.process_index, pace.process_count)
        return join(joining, pace.devices)
    from research.engine.environment import fix_devices

    fix_devices(pace.devices or 1)
    return None


def launched(
    named: Named,
    identity: Identity,
    directory: Path,
    pace: Pace,
    context: Context,
    channel: Channel | None,
    initial: Initial | None,
    files: Mapping[str, str],
    before: Callable[[Display], None],
) -> dict[str, Any]:
    """Start or continue a run where a person sees it, and leave its report: its result.

    Args:
        named: the experiment.
        identity: what run of it.
        directory: where it lies, or will lie.
        pace: how far to go, and how often to stop on the way.
        context: of the command.
        channel: to the other processes of the run.
        initial: parameters of another run to start from.
        files: field of the config -> path of the file of one's own that it stands for.
        before: is given the display once the experiment is open, before anything is written.

    Raises:
        EncoreError: as `research.engine.run.launch` does.
    """
    from research.engine.run import launch

    with (
        Display(sys.stderr, context.human) as display,
        with_events(display, wanted=pace.tensorboard) as observer,
        opened_run(
            named,
            identity,
            pace.data,
            context.root,
            files=files,
            devices=pace.devices or 1,
            channel=channel,
            tell=display.note,
        ) as ready,
    ):
        if context.note:
            display.note(context.note)
        before(display)
        result = launch(
            ready.program,
            identity,
            directory,
            ready.surroundings,
            slicing(pace, ready.experiment),
            observer,
            initial=initial,
            files=files,
        )
        if not pace.no_report:
            keep_report(result, display, context.root)
    return result
