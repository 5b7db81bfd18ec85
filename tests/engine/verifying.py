"""What tests of `verify` share: a replay in one call, a forger, and a platform of other bits."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from research.engine import ledger
from research.engine.identity import read_identity
from research.engine.opening import Surroundings
from research.engine.program import Program
from research.engine.verify import Verdict, verify
from tests.engine.toy import SURROUNDINGS, ToyFeed, make_toy
from tests.engine.watch import Notes

ELSEWHERE = SURROUNDINGS._replace(fingerprint={"jax": "2", "pool_size": "8"})


def check(
    program: Program,
    run: Path,
    surroundings: Surroundings = SURROUNDINGS,
    interval: tuple[int, int] | None = None,
) -> Verdict:
    return verify(program, read_identity(run), run, surroundings, Notes(), interval)


def forge(run: Path, change: Callable[[str, dict[str, Any]], Any]) -> None:
    """Change the ledger's lines and make the chain whole again, as someone who knows it would."""
    path = run / "ledger.jsonl"
    lines = ledger.read(path).lines
    path.unlink()
    chain = ledger.FIRST
    for line in lines:
        content = json.loads(json.dumps(line.content))
        change(line.kind, content)
        chain = ledger.append(path, line.kind, content, chain)
    assert not ledger.read(path).broken


@functools.cache
def nudging(factor: float) -> Program:
    experiment = make_toy()

    def update(state: Any, batch: Any, key: jax.Array) -> tuple[Any, Any]:
        state, figures = experiment.update(state, batch, key)
        w = state.params["w"] * (1 + factor)
        return state._replace(params={**state.params, "w": w}), figures

    return Program(experiment._replace(update=update), ToyFeed())
