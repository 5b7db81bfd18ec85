"""What is wrong with a run's files and data, seen before anything is computed again."""

from __future__ import annotations

import json
from collections.abc import Iterator

from research.engine import checkpoint, ledger
from research.engine.identity import Identity, is_config_file_true
from research.engine.leaves import state_digest
from research.engine.ledger import Ledger
from research.engine.record import read_metrics
from research.engine.result import vouched
from research.engine.saver import Directories
from research.engine.surroundings import Surroundings, same_data
from research.errors import Damaged


def record_findings(
    places: Directories, opened: Ledger, identity: Identity, surroundings: Surroundings
) -> Iterator[str]:
    """A sentence on each file, figure or split that is not what the run's ledger says."""
    if opened.broken:
        yield f"broken chain: the ledger's {opened.broken}"
    if not is_config_file_true(places.run, identity):
        yield "changed config: config.json is not what the run was started with"
    for split, digest in surroundings.data.items():
        recorded = opened.header["data"].get(split)
        if not same_data(recorded, digest):
            yield f"other data: {split} has digest {digest[:16]}, the run {str(recorded)[:16]}"
    saves = opened.saves()
    for step in checkpoint.stored_steps(places.checkpoints):
        try:
            stored = checkpoint.read(places.checkpoints, step)
        except Damaged as damage:
            yield f"damaged checkpoint: {damage}"
            continue
        if step in saves and stored.records != ledger.read_leaves(saves[step]):
            yield f"damaged checkpoint: {step} is not the one that the ledger recorded"
    lines = read_metrics(places.metrics)
    last = max(saves, default=-1)
    for step, figures in opened.reports().items():
        if lines.get(step) != figures:
            what = "is not the ledger's" if step in lines else "is missing"
            yield f"changed metrics: the line of step {step} in metrics.jsonl {what}"
    for step in lines:
        if step <= last and step not in opened.reports():
            yield f"changed metrics: metrics.jsonl has a line of step {step} that was not made"
    for step, save in saves.items():
        if save["digest"] != state_digest(ledger.read_leaves(save)):
            yield f"changed digest: that of step {step} is not the digest of its own leaves"
    result = opened.result()
    if result is not None:
        end = saves.get(int(result["shown"]["step"]), {})
        if result["digest"] != end.get("digest"):
            yield "changed result: the ledger's result does not have the digest of its last save"
        promised = vouched(result)
        try:
            shown = json.loads(places.result.read_text())
            agrees = shown == {**shown, **promised}
        except (OSError, ValueError, TypeError):
            agrees = False
        if not agrees:
            yield "changed result: result.json is missing or does not say what the ledger says"
