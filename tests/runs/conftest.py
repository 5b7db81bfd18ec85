"""Runs made by hand that have learned something."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.runs.fabricate import make_run

CONFIG = {"learning_rate": 0.1, "widths": [8, 16], "title": "plain"}
MADE_BY = {
    "fingerprint": {"jax": "1", "cpu": "<b>"},
    "code": {"a.py": "c" * 64},
    "data": {"train": "d" * 64},
}


def make_learned(
    above: Path,
    *,
    seed: int = 0,
    reports: Mapping[int, Mapping[str, Any]] | None = None,
    metrics: Mapping[str, Any] | None = None,
    complete: bool = True,
    made_by: Mapping[str, Any] | None = None,
    **more: Any,
) -> Path:
    """`make_run` with curves, and with final figures where it is complete."""
    if reports is None:
        reports = {10: {"train/loss": 2.0 + seed}, 20: {"train/loss": 1.0, "validation/loss": 1.5}}
    metrics = metrics or {"test/accuracy": 0.5 + seed / 100, "test/loss": 1.25}
    step = max(reports, default=0)
    return make_run(
        above,
        seed=seed,
        step=step,
        figures=reports.get(step, {}),
        reports={at: figures for at, figures in reports.items() if at != step},
        result=metrics if complete else None,
        made_by=MADE_BY | dict(made_by or {}),
        **{"experiment": "test/hand", "config": CONFIG, **more},
    )


@pytest.fixture
def make() -> Callable[..., Path]:
    """`make_learned`."""
    return make_learned
