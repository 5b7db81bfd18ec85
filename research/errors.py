"""What can go wrong for a person: one clear message each, and the exit code it ends with."""

from __future__ import annotations

import copy
import enum
from typing import Self


class Exit(enum.IntEnum):
    """Exit codes of `launch.py`."""

    DONE = 0
    DIVERGED = 1
    MISTAKE = 2
    DIFFERENCE = 3
    DAMAGED = 4
    INCOMPARABLE = 5
    STOPPED = 75


class EncoreError(Exception):
    """An ending that a person is told of in one message, without a traceback."""

    exit_code: Exit = Exit.MISTAKE

    def reworded(self, message: str) -> Self:
        """The same error in other words."""
        other = copy.copy(self)
        other.args = (message,)
        return other


class Mistake(EncoreError):
    """The user asked for something that cannot be: unknown name, wrong value, missing data."""


class Difference(EncoreError):
    """Two things that should be the same to the bit are not; or a run's loss is not finite."""

    exit_code = Exit.DIFFERENCE


class Damaged(EncoreError):
    """Data or a checkpoint is damaged and there is nothing to fall back on."""

    exit_code = Exit.DAMAGED


class Stopped(EncoreError):
    """The run stopped before its end and can be continued by the same command."""

    exit_code = Exit.STOPPED
