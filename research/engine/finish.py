"""The end of a run: the reported state's figures, `result.json`, and the ledger's last word."""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

import jax

from research.engine import artifacts, checkpoint, keys, ledger
from research.engine.advance import Carry, Program
from research.engine.durable import write_file
from research.engine.identity import Identity
from research.engine.leaves import Reader, rebuild
from research.engine.loop import Trained, evaluate
from research.engine.observer import Observer
from research.engine.record import spell_figures
from research.engine.saver import Directories, Saver
from research.errors import Damaged, Difference


def finish(
    program: Program,
    identity: Identity,
    places: Directories,
    trained: Trained,
    saver: Saver,
    reader: Reader,
    observer: Observer,
) -> dict[str, Any]:
    """Evaluate what the run reports, write its result, and close its ledger if it is whole.

    Returns:
        The content of `result.json`.
    """
    position = trained.position
    complete = position.step == program.experiment.steps
    saved = ledger.read(places.ledger).saves()[position.step]
    metrics: dict[str, Any] = {**spell_figures(trained.metrics), **saved["metrics"]}
    if complete:
        step, carry = reported_state(program, position.step, position.carry, places, saver)
        # A split that was evaluated at this very step has its figures already.
        known = metrics if step == position.step else {}
        splits = tuple(
            split
            for split in program.experiment.final
            if not any(name.startswith(f"{split}/") for name in known)
        )
        figures = evaluate(program, carry, step, splits, reader)
        if program.experiment.measure is not None:
            figures |= program.experiment.measure(reader(carry.state))
        if program.experiment.artifacts is not None:
            keep_artifacts(places, program, step, carry, reader, observer)
        if figures:
            observer.evaluated(step, figures)
        metrics |= spell_figures(figures)
        if step != position.step:
            metrics["reported_step"] = step
    shown = {
        "experiment": identity.experiment,
        "config_digest": identity.config_digest,
        "seed": identity.seed,
        "step": position.step,
        "complete": complete,
    }
    result = {
        "experiment": identity.experiment,
        "run_dir": str(places.run),
        **shown,
        "digest": saved["digest"],
        "metrics": metrics,
        "seconds": position.seconds,
        "compile_seconds": program.compile_seconds,
        "items_per_second": trained.items_per_second,
        "peak_memory_bytes": peak_memory_bytes(),
    }
    write_file(places.result, json.dumps(result, indent=2) + "\n")
    if complete:
        last_word = {"shown": shown, "digest": saved["digest"], "metrics": metrics}
        recorded = ledger.read(places.ledger).result()
        if recorded is None:
            saver.append("result", last_word)
        elif recorded != last_word:
            raise Difference(
                f"{places.run} was made again and its figures differ from those in its ledger: "
                "code, environment or data changed since"
            )
    return result


def reported_state(
    program: Program, step: int, carry: Carry, places: Directories, saver: Saver
) -> tuple[int, Carry]:
    """The state whose figures count: the last, or the best by the experiment's selection."""
    if program.experiment.selection is None or saver.best is None or saver.best[0] == step:
        return step, carry
    best = saver.best[0]
    try:
        stored = checkpoint.read(places.checkpoints, best)
    except Damaged as damage:
        raise Damaged(
            f"{damage}; it is the best by {program.experiment.selection.metric} and is what this "
            "run reports: --restart makes it again"
        ) from None
    return best, rebuild(program.shapes, stored.leaves)


def keep_artifacts(
    places: Directories,
    program: Program,
    step: int,
    carry: Carry,
    reader: Reader,
    observer: Observer,
) -> None:
    """Write what a report shows of the state of `step`; what cannot be made is only noted."""
    make = program.experiment.artifacts
    assert make is not None
    try:
        key = keys.at_step(keys.stream(carry.seed, "artifacts"), step)
        made = make(reader(carry.state), program.feed.evaluation, key)
        artifacts.write(places.run / artifacts.DIRECTORY, made)
    except Exception as error:
        # A picture that cannot be drawn is no reason to lose a run that is whole.
        observer.note(
            f"the report will lack its pictures, which could not be made: "
            f"{type(error).__name__}: {error}"
        )


def peak_memory_bytes() -> int:
    """The largest memory so far: of the device where it says so, else of this process."""
    stats = jax.local_devices()[0].memory_stats()
    if stats and "peak_bytes_in_use" in stats:
        return int(stats["peak_bytes_in_use"])
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
