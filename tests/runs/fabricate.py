"""Run directories as the engine leaves them, made without training anything."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from research.engine import ledger
from research.engine.identity import Identity
from research.engine.record import spell_figures


def spell(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures as a line has them; words stay what they are."""

    def one(value: Any) -> Any:
        if isinstance(value, list):
            return [one(part) for part in value]
        return value if isinstance(value, str) else spell_figures({"": value})[""]

    return {name: one(value) for name, value in figures.items()}


def make_run(
    runs_dir: Path,
    *,
    experiment: str = "alpha/probe",
    config: Mapping[str, Any] | None = None,
    seed: int = 0,
    steps: int | None = 100,
    step: int = 100,
    figures: Mapping[str, Any] | None = None,
    result: Mapping[str, Any] | None = None,
    members: Sequence[Mapping[str, Any]] | None = None,
    spread: Mapping[str, Any] | None = None,
    population: tuple[int, int] | None = None,
    varied: Sequence[str] = (),
    reports: Mapping[int, Mapping[str, Any]] | None = None,
    nonfinite: int | None = None,
    leaves: int = 8,
    made_by: Mapping[str, Any] | None = None,
    segments: Sequence[Mapping[str, Any]] = (),
    name: str = "",
) -> Path:
    """One run: finished where `result` holds its final figures, else with `figures` reported.

    Args:
        runs_dir: where runs lie.
        experiment: its name.
        config: its fields.
        seed: the first, of a population.
        steps: how many there are; None as in the ledgers of old.
        step: of the last save.
        figures: the last reported ones; lists for a population.
        result: final figures; for a population the means.
        members: of a finished population.
        spread: of a finished population.
        population: number of seeds and width.
        varied: fields of the config that hold a value for each of its variants.
        reports: step -> figures of the reports before the last.
        nonfinite: the step of a loss that was not finite.
        leaves: how many leaves the state has.
        made_by: what else the header has: `code`, `data`, `fingerprint`, `headline`.
        segments: `code` and `fingerprint` of each time that it went on after a change.
        name: of the folder; empty for that of its config and seed.
    """
    config = {"batch_size": 32, "learning_rate": 0.001} if config is None else dict(config)
    identity = Identity(experiment, config, seed)
    suffix = f"+{population[0]}-w{population[1]}" if population else ""
    run = runs_dir / experiment / (name or f"{identity.config_digest}-s{seed}{suffix}")
    (run / "checkpoints" / str(step)).mkdir(parents=True)
    (run / "checkpoints" / str(step) / "data").write_bytes(b"x" * 1000)
    header: dict[str, Any] = {
        "experiment": experiment, "config": config, "seed": seed, "initial": "",
        "config_digest": identity.config_digest, "data": {}, "code": {}, **(made_by or {}),
    }  # fmt: skip
    if steps is not None:
        header["steps"] = steps
    if population:
        header["population"] = {"seeds": population[0], "width": population[1]}
        header["population"] |= {"varied": list(varied)} if varied else {}
    (run / "config.json").write_text(json.dumps(header))
    final = {n: v for n, v in (result or {}).items() if not n.startswith("test/")}
    last = spell(final if figures is None else figures)
    before = {at: spell(line) for at, line in (reports or {}).items()}
    content = {
        "step": step,
        "digest": "d" * 64,
        "leaves": {f"state.w{at}": ["a" * 64, "float32", [3]] for at in range(leaves)},
        "metrics": last,
        "reports": {str(at): line for at, line in before.items()},
    }
    written = [("header", header), *(("segment", one) for one in segments), ("save", content)]
    lines = {**before, **({step: last} if last else {})}
    if lines:
        texts = [json.dumps({"step": at, **line}) + "\n" for at, line in lines.items()]
        (run / "metrics.jsonl").write_text("".join(texts))
    if result is not None:
        shown = {"experiment": experiment, "config_digest": identity.config_digest, "seed": seed,
                 "step": step, "complete": True}  # fmt: skip
        last_word = {"shown": shown, "digest": "d" * 64, "metrics": spell(result)}
        more = {} if members is None else {"members": list(members)}
        written.append(("result", {**last_word, **more}))
        whole: dict[str, Any] = {
            **shown, "run_dir": str(run), "digest": "d" * 64, "metrics": spell(result), **more,
            "seconds": 9.0, "compile_seconds": 1.0, "items_per_second": 10.0,
            "peak_memory_bytes": 1,
        }  # fmt: skip
        if population:
            whole |= {"seeds": population[0], "width": population[1], "spread": spread or {}}
        (run / "result.json").write_text(json.dumps(whole))
    chain, text = ledger.FIRST, b""
    for kind, line in written:
        spelled, chain = ledger.spell(kind, line, chain)
        text += spelled
    (run / "ledger.jsonl").write_bytes(text)
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
