"""Runs made by hand: the files that a run leaves, without running anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from research.engine import ledger
from research.engine.identity import Identity
from research.engine.record import spell_figures

CONFIG = {"learning_rate": 0.1, "widths": [8, 16], "title": "plain"}


def spelled(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures as a line has them; a population's are lists."""

    def spell(value: Any) -> Any:
        if isinstance(value, list):
            return [spell(part) for part in value]
        return value if isinstance(value, str) else spell_figures({"value": value})["value"]

    return {name: spell(value) for name, value in figures.items()}


def make_run(
    above: Path,
    *,
    config: Mapping[str, Any] = CONFIG,
    seed: int = 0,
    reports: Mapping[int, Mapping[str, Any]] | None = None,
    metrics: Mapping[str, Any] | None = None,
    complete: bool = True,
    experiment: str = "test/hand",
    population: Mapping[str, int] | None = None,
    members: list[dict[str, Any]] | None = None,
    name: str = "",
    made_by: Mapping[str, Any] | None = None,
) -> Path:
    """A run with a whole ledger, as the engine would have left it."""
    if reports is None:
        reports = {10: {"train/loss": 2.0 + seed}, 20: {"train/loss": 1.0, "validation/loss": 1.5}}
    identity = Identity(experiment, dict(config), seed)
    directory = above / (name or f"{identity.config_digest}-s{seed}")
    directory.mkdir(parents=True)
    more = {"population": dict(population)} if population else {}
    (directory / "config.json").write_text(
        json.dumps({**identity._asdict(), **more, "config_digest": identity.config_digest})
    )
    header = {
        **identity._asdict(),
        **more,
        "config_digest": identity.config_digest,
        "fingerprint": {"jax": "1", "cpu": "<b>"},
        "code": {"a.py": "c" * 64},
        "data": {"train": "d" * 64},
        **(made_by or {}),
    }
    path = directory / "ledger.jsonl"
    lines = {step: spelled(figures) for step, figures in reports.items()}
    chain = ledger.append(path, "header", header, ledger.FIRST)
    step = max(lines, default=0)
    digest = f"{seed:02}" * 32
    save = {"step": step, "digest": digest, "leaves": {}, "metrics": lines.get(step, {})}
    save["reports"] = {str(at): line for at, line in lines.items() if at != step}
    chain = ledger.append(path, "save", save, chain)
    (directory / "metrics.jsonl").write_text(
        "".join(json.dumps({"step": at, **line}) + "\n" for at, line in lines.items())
    )
    figures = spelled(metrics or {"test/accuracy": 0.5 + seed / 100, "test/loss": 1.25})
    shown = {"experiment": experiment, "seed": seed, "step": step, "complete": complete}
    last_word = {"shown": shown, "digest": digest, "metrics": figures}
    result = {**shown, "digest": digest, "metrics": figures, "seconds": 3.5}
    if members is not None:
        last_word["members"] = result["members"] = members
    if complete:
        ledger.append(path, "result", last_word, chain)
    (directory / "result.json").write_text(json.dumps(result))
    return directory


@pytest.fixture
def make():
    """`make_run`."""
    return make_run
