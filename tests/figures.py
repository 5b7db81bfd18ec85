"""The rows of results: an experiment, the options that it was run with, and what is said of it."""

from __future__ import annotations

import dataclasses
import re
from functools import cache
from pathlib import Path
from typing import Any

from research.options.catalog import ROOT, Named, catalog, load, resolve
from research.options.config import config_fields
from research.options.options import options_of, scan

Options = tuple[tuple[str, Any], ...]
"""Fields of a config that are not as they are by default, in alphabetical order."""


def named_rows() -> list[tuple[str, str]]:
    """Names, and the rows beside them."""
    return _rows(ROOT / "docs/results.md")


def chosen_rows() -> list[tuple[str, str]]:
    """Those of them that the README has, too."""
    return _rows(ROOT / "README.md")


def _rows(page: Path) -> list[tuple[str, str]]:
    return re.findall(r"^\| `(\w+/\w+)` \|(.*)\|$", page.read_text(), re.MULTILINE)


def rows_of(name: str) -> dict[Options, str]:
    """Options -> row, of an experiment; they stand in the row as `run` reads them."""
    return {_options(name, row): row for named, row in named_rows() if named == name}


def differing(name: str, config: dict[str, Any]) -> Options:
    """What of a config is not as it is by default."""
    fields = config_fields(named(name).config)
    kept = {key: _comparable(value) for key, value in config.items()}
    default = {key: _comparable(value) for key, value in fields.items()}
    return tuple(sorted((key, value) for key, value in kept.items() if value != default.get(key)))


def _comparable(value: Any) -> Any:
    """Numbers as a tuple; of a run that another one learned from, its experiment: a default names
    no more than that.
    """
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, str) and value.startswith("run:"):
        return value.removeprefix("run:").rpartition("/")[0]
    return value


@cache
def named(name: str) -> Named:
    """The experiment of that name."""
    return load(resolve(name, catalog()))


def _options(name: str, row: str) -> Options:
    experiment = named(name)
    typed = " ".join(re.findall(r"`(--[^`]+)`", row)).split()
    read = scan(typed, options_of(experiment.config))
    assert not read.mistakes and not read.arguments, read
    return differing(name, config_fields(dataclasses.replace(experiment.config, **read.values)))
