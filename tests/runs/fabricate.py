"""Run directories as the engine leaves them, made without training anything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

FIRST = "0" * 64


def line(kind: str, content: dict[str, Any], previous: str) -> tuple[str, str]:
    """A ledger line and its digest, spelled apart from the engine; a test holds both together."""
    whole = {"kind": kind, **content, "previous": previous}
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    del whole["previous"]
    whole["sha256"] = digest
    return json.dumps(whole, sort_keys=True, separators=(",", ":")) + "\n", digest


def make_run(
    runs_dir: Path,
    *,
    experiment: str = "alpha/probe",
    config: dict[str, Any] | None = None,
    seed: int = 0,
    steps: int | None = 100,
    step: int = 100,
    figures: dict[str, Any] | None = None,
    result: dict[str, Any] | None = None,
    members: list[dict[str, Any]] | None = None,
    spread: dict[str, Any] | None = None,
    population: tuple[int, int] | None = None,
    varied: Sequence[str] = (),
    reports: dict[int, dict[str, Any]] | None = None,
    nonfinite: int | None = None,
    leaves: int = 8,
    made_by: dict[str, Any] | None = None,
    segments: Sequence[dict[str, Any]] = (),
) -> Path:
    """One run: finished where `result` holds its final figures, else with `figures` reported.

    Args:
        figures: the last reported ones; lists for a population.
        result: final figures; for a population the means.
        members: of a finished population.
        spread: of a finished population.
        population: number of seeds and width.
        varied: fields of the config that hold a value for each of its variants.
        reports: step -> figures of the reports before the last.
        nonfinite: the step of a loss that was not finite.
        leaves: how many leaves the state has.
        made_by: `code`, `data` and `fingerprint`, where they are more than nothing.
        segments: `code` and `fingerprint` of each time that it went on after a change.
    """
    config = {"batch_size": 32, "learning_rate": 0.001} if config is None else config
    digest = hashlib.sha256(json.dumps([experiment, config]).encode()).hexdigest()[:12]
    name = f"{digest}-s{seed}" + (f"+{population[0]}-w{population[1]}" if population else "")
    run = runs_dir / experiment / name
    (run / "checkpoints" / str(step)).mkdir(parents=True)
    (run / "checkpoints" / str(step) / "data").write_bytes(b"x" * 1000)
    identity = {"experiment": experiment, "config": config, "seed": seed, "initial": ""}
    header: dict[str, Any] = {**identity, "config_digest": digest, "data": {}, "code": {}}
    header |= made_by or {}
    if steps is not None:
        header["steps"] = steps
    if population:
        header["population"] = {"seeds": population[0], "width": population[1]}
        header["population"] |= {"varied": list(varied)} if varied else {}
    (run / "config.json").write_text(json.dumps(header))
    final = {n: v for n, v in (result or {}).items() if not n.startswith("test/")}
    last = figures if figures is not None else final
    first, chain = line("header", header, FIRST)
    for segment in segments:
        more, chain = line("segment", segment, chain)
        first += more
    content = {
        "step": step,
        "digest": "d" * 64,
        "leaves": {f"state.w{at}": ["a" * 64, "float32", [3]] for at in range(leaves)},
        "metrics": last,
        "reports": {str(at): line for at, line in (reports or {}).items()},
    }
    save, chain = line("save", content, chain)
    text = first + save
    lines = {**(reports or {}), **({step: last} if last else {})}
    if lines:
        texts = [json.dumps({"step": at, **line}) + "\n" for at, line in lines.items()]
        (run / "metrics.jsonl").write_text("".join(texts))
    if result is not None:
        shown = {"experiment": experiment, "config_digest": digest, "seed": seed, "step": step,
                 "complete": True}  # fmt: skip
        text += line("result", {"shown": shown, "digest": "d" * 64, "metrics": result}, chain)[0]
        written: dict[str, Any] = {
            **shown, "run_dir": str(run), "digest": "d" * 64, "metrics": result, "seconds": 9.0,
            "compile_seconds": 1.0, "items_per_second": 10.0, "peak_memory_bytes": 1,
        }  # fmt: skip
        if population:
            written |= {"seeds": population[0], "width": population[1], "members": members}
            written["spread"] = spread or {}
        (run / "result.json").write_text(json.dumps(written))
    (run / "ledger.jsonl").write_text(text)
    if nonfinite is not None:
        (run / "nonfinite" / str(nonfinite)).mkdir(parents=True)
    return run


def make_population(
    runs_dir: Path,
    values: list[float],
    *,
    metric: str = "test/accuracy",
    seed: int = 0,
    width: int = 2,
    **others: Any,
) -> Path:
    """A finished population with one value of one metric a member."""
    mean = sum(values) / len(values)
    members = [
        {"seed": seed + at, "hyperparameters": {}, "digest": "e" * 64, "metrics": {metric: value}}
        for at, value in enumerate(values)
    ]
    if len(values) > 1:
        deviation, error = float(np.std(values, ddof=1)), float(stats.sem(values))
        low, high = map(float, stats.t.interval(0.95, len(values) - 1, mean, error))
        others["spread"] = {metric: {"mean": mean, "standard_deviation": deviation, "low": low,
                                     "high": high, "members": len(values)}}  # fmt: skip
    return make_run(runs_dir, seed=seed, result={metric: mean}, members=members,
                    population=(len(values), width), **others)  # fmt: skip
