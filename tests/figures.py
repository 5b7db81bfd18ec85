"""The README's rows: an experiment, the options that it was run with, and what is said of it."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from research.cli.catalog import ROOT, catalog, load, resolve
from research.engine.identity import config_fields

Options = tuple[tuple[str, Any], ...]
"""Fields of a config that are not as they are by default, in alphabetical order."""


def named_rows() -> list[tuple[str, str]]:
    """Names, and the rows beside them."""
    text = (ROOT / "README.md").read_text()
    return re.findall(r"^\| `(\w+/\w+)` \|(.*)\|$", text, re.MULTILINE)


def rows_of(name: str) -> dict[Options, str]:
    """Options -> row, of an experiment; they stand in the row as they are typed."""
    return {_options(name, row): row for named, row in named_rows() if named == name}


def differing(name: str, config: dict[str, Any]) -> Options:
    """What of a config is not as it is by default."""
    fields = config_fields(load(resolve(name, catalog())).config())
    return tuple(sorted((key, value) for key, value in config.items() if value != fields.get(key)))


def _options(name: str, row: str) -> Options:
    typed = re.findall(r"--([\w-]+) (\w+)", " ".join(re.findall(r"`(--[^`]+)`", row)))
    if not typed:
        return ()
    config = load(resolve(name, catalog())).config()
    given = {option.replace("-", "_"): value for option, value in typed}
    kinds = {field: type(getattr(config, field)) for field in given}
    chosen = {field: kinds[field](value) for field, value in given.items()}
    return differing(name, config_fields(dataclasses.replace(config, **chosen)))
