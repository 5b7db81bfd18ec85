"""What is wrong with a run's files and data, seen before anything is computed again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from research.engine import artifacts, checkpoint, needs
from research.engine.directory import Directories
from research.engine.identity import Identity, is_config_file_true
from research.engine.ledger import Ledger, is_of
from research.engine.record import read_metrics
from research.engine.result import vouched
from research.engine.surroundings import Surroundings, other_data
from research.errors import Damaged


def record_findings(
    places: Directories, opened: Ledger, identity: Identity, surroundings: Surroundings
) -> Iterator[str]:
    """A sentence on each file, figure or split that is not what the run's ledger says."""
    if opened.broken:
        yield f"broken chain: the ledger's {opened.broken}"
    if not is_config_file_true(places.run, identity):
        yield "changed config: config.json is not what the run was started with"
    if not needs.is_whole(places.run, opened.header):
        yield f"damaged: {needs.FILE} is missing or not what the run kept when it began"
    for split, digest, recorded in other_data(opened.header, surroundings):
        yield f"other data: {split} has digest {digest[:16]}, the run {recorded[:16]}"
    saves = opened.saves()
    for step in checkpoint.stored_steps(places.checkpoints):
        try:
            stored = checkpoint.read(places.checkpoints, step)
        except Damaged as damage:
            yield f"damaged checkpoint: {damage}"
            continue
        if step in saves and not is_of(saves[step], stored.records):
            yield f"damaged checkpoint: {step} is not the one that the ledger recorded"
    lines = read_metrics(places.metrics)
    last = max(saves, default=-1)
    # The ledger has all of its lines: a file that is not there says nothing false.
    there = places.metrics.exists()
    for step, figures in opened.reports().items():
        if there and lines.get(step) != figures:
            what = "is not the ledger's" if step in lines else "is missing"
            yield f"changed metrics: the line of step {step} in metrics.jsonl {what}"
    for step in lines:
        if step <= last and step not in opened.reports():
            yield f"changed metrics: metrics.jsonl has a line of step {step} that was not made"
    result = opened.result()
    if result is not None:
        end = saves.get(int(result["shown"]["step"]), {})
        if result["digest"] != end.get("digest"):
            yield "changed result: the ledger's result does not have the digest of its last save"
        shown, promised = _read_result(places), vouched(result)
        if "variants" in promised and "spread" in shown:
            # An older file: one spread over all values, which the ledger's members still tell.
            del promised["variants"]
        if shown != {**shown, **promised}:
            yield "changed result: result.json is missing or does not say what the ledger says"


def cut_off(places: Directories, opened: Ledger) -> tuple[list[str], list[str]]:
    """Sentences on what tells of lines that the ledger does not have.

    A chain that lost its last lines is whole. A result is written after its line, and so is sure to
    have had one; a crash can leave one checkpoint, and artifacts, before their line is written.

    Returns:
        Those that show a loss, and those that a crash explains as well.
    """
    if opened.broken:
        return [], []  # That lines are lost is plain.
    saves, result = opened.saves(), opened.result()
    last = max(saves, default=-1)
    sure: list[str] = []
    unsure: list[str] = []
    told = _read_result(places)
    if told.get("complete") is True and result is None:
        sure.append("lines are missing: result.json has the run's end, and the ledger has none")
    elif isinstance(step := told.get("step"), int) and step > last:
        sure.append(f"lines are missing: result.json has step {step}, the ledger ends at {last}")
    beyond = [step for step in checkpoint.stored_steps(places.checkpoints) if step > last]
    if beyond:
        steps = ", ".join(map(str, beyond))
        sentence = f"the ledger ends at {last}, and checkpoints lie there of step {steps}"
        (sure if len(beyond) > 1 else unsure).append(
            f"lines are missing: {sentence}"
            if len(beyond) > 1
            else f"{sentence}: a crash came before its line, or the line is lost"
        )
    if result is None and any((places.run / artifacts.DIRECTORY).glob("*.npz")):
        unsure.append(
            "artifacts are made at a run's end, which the ledger does not have: a crash came "
            "before its line, or the line is lost"
        )
    return sure, unsure


def _read_result(places: Directories) -> dict[str, Any]:
    try:
        content = json.loads(places.result.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
