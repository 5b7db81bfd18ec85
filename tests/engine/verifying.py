"""What tests of `verify` share: a replay in one call, a forger, and a platform of other bits."""

from __future__ import annotations

import functools
import json

from research.engine import ledger
from research.engine.identity import read_identity
from research.engine.program import Program
from research.engine.verify import verify
from tests.engine.toy import SURROUNDINGS, ToyFeed, make_toy
from tests.engine.watch import Notes

ELSEWHERE = SURROUNDINGS._replace(fingerprint={"jax": "2", "pool_size": "8"})


def check(program, run, surroundings=SURROUNDINGS, interval=None):
    return verify(program, read_identity(run), run, surroundings, Notes(), interval)


def forge(run, change):
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
def nudging(factor):
    experiment = make_toy()

    def update(state, batch, key):
        state, figures = experiment.update(state, batch, key)
        w = state.params["w"] * (1 + factor)
        return state._replace(params={**state.params, "w": w}), figures

    return Program(experiment._replace(update=update), ToyFeed())
