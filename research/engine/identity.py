"""A run's identity: its experiment, config and seed, and the directory that follows from them."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from research.engine import ledger, own_files
from research.engine.directory import CONFIG_FILE, LEDGER_FILE
from research.errors import Damaged, Mistake


class Many(NamedTuple):
    """What makes a run one of a population.

    Attributes:
        seeds: how many, counted from the run's.
        width: members that are trained together; their bits depend on it.
        varied: fields of the config that hold a list, of which each member has one value.
    """

    seeds: int
    width: int
    varied: tuple[str, ...] = ()


class Member(NamedTuple):
    """One of a population: its seed, and its values of the config fields that vary."""

    seed: int
    varied: dict[str, float]


class Identity(NamedTuple):
    """What makes two runs the same run.

    Attributes:
        experiment: full name, `vision/digits_cnn`.
        config: every field of the config, as JSON values.
        seed: 0 to 2**32 - 1; the first one of a population.
        initial: digest of the parameters that the run starts from, or "" for its own.
        population: None for a run of one seed.
        patience: evaluations in a row without a better one that end the run; 0 for all its steps.
    """

    experiment: str
    config: dict[str, Any]
    seed: int
    initial: str = ""
    population: Many | None = None
    patience: int = 0

    @property
    def members(self) -> list[Member]:
        """The members of a population, all seeds of a value before the next value."""
        many = self.population or Many(1, 1)
        values = itertools.product(*(self.config[name] for name in many.varied))
        return [
            Member(self.seed + offset, dict(zip(many.varied, chosen, strict=True)))
            for chosen in values
            for offset in range(many.seeds)
        ]

    @property
    def fields(self) -> dict[str, Any]:
        """All of it as JSON values; what most runs do not have is left out where they do not."""
        fields = self._asdict()
        if self.population is None:
            del fields["population"]
        else:
            fields["population"] = json.loads(json.dumps(self.population._asdict()))
        if not self.patience:
            del fields["patience"]
        return fields

    @property
    def config_digest(self) -> str:
        """12 hex digits of SHA-256 over canonical JSON of the name and every config field.

        Cadence, directories and how the work is sliced are no part of it.
        """
        identity: dict[str, Any] = {"experiment": self.experiment, "config": self.config}
        if self.initial:
            identity["initial"] = self.initial
        if self.patience:
            identity["patience"] = self.patience
        canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]

    def directory(self, runs_dir: Path) -> Path:
        """Where the run lies: the same launch finds its own run."""
        name = f"{self.config_digest}-s{self.seed}"
        if self.population is not None:
            name += f"+{self.population.seeds}-w{self.population.width}"
        return runs_dir / self.experiment / name

    def spell(self) -> str:
        """The content of the run's `config.json`."""
        fields = {**self.fields, "config_digest": self.config_digest}
        return json.dumps(fields, indent=2, sort_keys=True) + "\n"


def read_identity(directory: Path) -> Identity:
    """The identity of the run in a directory, as its ledger's first line has it.

    `config.json` has the same, for people, as long as `is_config_file_true`.

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
    return from_fields(opened.header)


def from_fields(fields: Mapping[str, Any]) -> Identity:
    """The identity of what `Identity.fields` gave, other fields beside them or not."""
    known = {name: fields[name] for name in Identity._fields if name in fields}
    many = known.pop("population", None)
    population = Many(**{**many, "varied": tuple(many["varied"])}) if many else None
    return Identity(**known, population=population)


def is_config_file_true(directory: Path, identity: Identity) -> bool:
    """Whether the run's `config.json` still is what the run started with."""
    path = directory / CONFIG_FILE
    return path.is_file() and path.read_text(errors="replace") == identity.spell()


def runs_of_older_content(
    identity: Identity, runs_dir: Path, paths: Mapping[str, str]
) -> Iterator[Path]:
    """Runs that differ in nothing but what files at the same paths held when they were made.

    `paths` maps a field of the config to the path of its file.
    """
    for run, config in _runs_alike(identity, runs_dir) if paths else ():
        # Runs made before content stood there have the path itself.
        then = {n: config[n] for n in paths if n in config} | own_files.known_paths(run, config)
        same_places = own_files.absolute(then) == own_files.absolute(paths)
        if same_places and {**config, **paths} == {**identity.config, **paths}:
            yield run


def _runs_alike(identity: Identity, runs_dir: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Runs that are the same but for their configs, and these."""
    end = identity.directory(runs_dir).name.removeprefix(identity.config_digest)
    for path in sorted((runs_dir / identity.experiment).glob(f"*{end}/{LEDGER_FILE}")):
        try:
            other = read_identity(path.parent)
        except (Mistake, Damaged, PermissionError):
            continue
        if other._replace(config=identity.config) == identity:
            yield path.parent, other.config
