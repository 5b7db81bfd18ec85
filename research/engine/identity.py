"""What a run is: experiment, config and seed; where it lies; and nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from research.engine import ledger
from research.errors import Damaged, Mistake

CONFIG_FILE = "config.json"
LEDGER_FILE = "ledger.jsonl"


def config_fields(config: Any) -> dict[str, Any]:
    """The fields of a config dataclass as JSON values, floats as floats, tuples as lists."""
    return json.loads(json.dumps(dataclasses.asdict(config), allow_nan=False))


class Identity(NamedTuple):
    """What makes two runs the same run.

    Attributes:
        experiment: full name, `vision/digits_cnn`.
        config: every field of the config, as JSON values.
        seed: 0 to 2**32 - 1.
        initial: digest of the parameters that the run starts from, or "" for its own.
    """

    experiment: str
    config: dict[str, Any]
    seed: int
    initial: str = ""

    @property
    def config_digest(self) -> str:
        """12 hex digits of SHA-256 over canonical JSON of the name and every config field.

        Cadence, directories and how the work is sliced are no part of it.
        """
        identity: dict[str, Any] = {"experiment": self.experiment, "config": self.config}
        if self.initial:
            identity["initial"] = self.initial
        canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]

    def directory(self, runs_dir: Path) -> Path:
        """Where the run lies: the same launch finds its own run."""
        return runs_dir / self.experiment / f"{self.config_digest}-s{self.seed}"

    def spell(self) -> str:
        """The content of the run's `config.json`."""
        fields = {**self._asdict(), "config_digest": self.config_digest}
        return json.dumps(fields, indent=2, sort_keys=True) + "\n"


def read_identity(directory: Path) -> Identity:
    """The identity of the run in a directory, as its ledger's first line has it.

    `config.json` says the same, for people; `is_config_file_true` tells whether it still does.

    Raises:
        Mistake: there is no run.
        Damaged: the ledger's first line cannot be trusted.
    """
    path = directory / LEDGER_FILE
    if not path.is_file():
        raise Mistake(f"{directory} is not a run: it has no {LEDGER_FILE}")
    opened = ledger.read(path)
    if not opened.lines:
        raise Damaged(f"{path} is damaged: {opened.broken or 'it is empty'}")
    return Identity(**{name: opened.header[name] for name in Identity._fields})


def is_config_file_true(directory: Path, identity: Identity) -> bool:
    """Whether the run's `config.json` still is what the run started with."""
    path = directory / CONFIG_FILE
    return path.is_file() and path.read_text(errors="replace") == identity.spell()


def runs_of_fewer_fields(identity: Identity, runs_dir: Path) -> Iterator[Path]:
    """Runs of the same experiment and seed that an older version of its config made.

    They agree in every field that they have, and lack some that the experiment has today.
    """
    for path in sorted((runs_dir / identity.experiment).glob(f"*-s{identity.seed}/{LEDGER_FILE}")):
        try:
            other = read_identity(path.parent)
        except (Mistake, Damaged):
            continue
        if other.initial == identity.initial and _is_part(other.config, identity.config):
            yield path.parent


def _is_part(part: Mapping[str, Any], whole: Mapping[str, Any]) -> bool:
    return len(part) < len(whole) and all(
        name in whole and whole[name] == value for name, value in part.items()
    )
