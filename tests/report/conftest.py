"""Runs made by hand, as for the reader of runs."""

from tests.runs.conftest import make

__all__ = ["make"]
