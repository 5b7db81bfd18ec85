"""The runs of a point: what they are, and the command line that makes each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from research.options.command import RUNS_DIR
from research.sweep.space import Point, point_options


class Job(NamedTuple):
    """One run that a trial needs.

    Attributes:
        trial: the trial's number, from 0.
        seed: the run's seed.
        words: what follows `python launch.py` to make it.
        directory: where it lies; the same as for `run` typed by hand.
    """

    trial: int
    seed: int
    words: tuple[str, ...]
    directory: Path


class Recipe(NamedTuple):
    """What all runs of a sweep share.

    Attributes:
        experiment: full name.
        fixed: options of the experiment that every trial has, `--name=value`, `--smoke` included.
        pace: options of `run` that change no bit, such as `--keep=1`.
        runs_dir: where the runs lie.
        seed: the first seed.
        seeds: how many.
    """

    experiment: str
    fixed: tuple[str, ...]
    pace: tuple[str, ...]
    runs_dir: Path
    seed: int
    seeds: int


def jobs_of(recipe: Recipe, trial: int, point: Point, config: Any) -> tuple[Job, ...]:
    """The runs of one point: one for each seed.

    This is the one place that says how a point with several seeds is run.

    Args:
        recipe: what the sweep's runs share.
        trial: the trial's number.
        point: its values.
        config: the experiment's config at that point.
    """
    from research.engine.identity import Identity
    from research.options.config import config_fields

    fields = config_fields(config)
    return tuple(
        Job(
            trial,
            seed,
            (*run_words(recipe, point, seed), *recipe.pace, "--json"),
            Identity(recipe.experiment, fields, seed).directory(recipe.runs_dir),
        )
        for seed in range(recipe.seed, recipe.seed + recipe.seeds)
    )


def run_words(recipe: Recipe, point: Point, seed: int) -> tuple[str, ...]:
    """What a person types after `python launch.py` to make, or show again, one run of a point."""
    where = () if recipe.runs_dir == Path(RUNS_DIR) else (f"--runs-dir={recipe.runs_dir}",)
    chosen = (f"--seed={seed}",) if seed else ()
    return ("run", recipe.experiment, *recipe.fixed, *point_options(point), *chosen, *where)
