"""The small project of the tests of commands."""

from tests.cli.conftest import project

__all__ = ["project"]
