"""An experiment's programs in all their stages: traced, pruned and compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from research.engine.experiment import bind
from research.engine.leaves import name_leaves
from research.graphs.blocks import Block
from research.graphs.compiled import compiled_block
from research.graphs.costs import analysis_of
from research.graphs.hlo import parse
from research.graphs.page import Program, Stage, render
from research.graphs.sheets import Sheets, spell_flops
from research.graphs.tracing import Trace
from research.options.terminal import spell_bytes

if TYPE_CHECKING:
    from research.options.assembly import Opened

TRACED = (
    "As traced: every operation that Python asked for, in order. What nothing needs is struck "
    "through: dead-code elimination removes it."
)
PRUNED = "After dead-code elimination: what is left to compute."
COMPILED = (
    "As compiled for {}: blue boxes are operations fused into one pass, whose intermediate values "
    "never reach memory."
)


class Traced(NamedTuple):
    """A traced function.

    Attributes:
        name: of the program.
        note: a sentence on what it is.
        traced: what `jax.jit(f).trace` gave.
        inputs: names of its arguments, leaf by leaf.
        results: names of its results.
        compiled: what it was compiled to, if it already was.
    """

    name: str
    note: str
    traced: Any
    inputs: tuple[str, ...]
    results: tuple[str, ...]
    compiled: Any = None


def trace(name: str, note: str, function: Any, arguments: Mapping[str, Any]) -> Traced:
    """Trace a function of named arguments, pytrees of shapes."""
    traced = jax.jit(function).trace(*arguments.values())
    inputs = [
        _name(argument, path, leaf)
        for argument, tree in arguments.items()
        for path, leaf in name_leaves(tree).items()
    ]
    results = [_name("", path, leaf) for path, leaf in name_leaves(traced.out_info).items()]
    return Traced(name, note, traced, tuple(inputs), tuple(results))


def _name(argument: str, path: str, leaf: Any) -> str:
    dtype, shape = leaf.dtype, ",".join(map(str, leaf.shape))
    name = "/".join(part for part in (argument, path) if part)
    short = str(dtype).replace("float", "f").replace("uint", "u").replace("int", "i")
    return f"{name or 'result'} {short}[{shape}]"


def trace_update(ready: Opened) -> Traced:
    """One update of an experiment."""
    experiment = bind(ready.experiment, ready.experiment.inputs)

    def update(state: Any, batch: Any, key: Any) -> Any:
        state, metrics = experiment.update(state, batch, key)
        return {"new": state, "metric": metrics}

    feed = ready.program.feed
    arrays = next(iter(feed.windows(0, 0, 1))).arrays
    batch = jax.eval_shape(feed.batch, arrays, np.uint32(0), np.int32(0))
    note = "One step of training: state, batch and key go in, the new state and metrics come out."
    arguments = {"state": ready.program.shapes.state, "batch": batch, "key": _key()}
    return trace("update", note, update, arguments)


def _key() -> Any:
    return jax.eval_shape(lambda: jax.random.key(0))


def trace_evaluate(ready: Opened) -> Traced | None:
    """The evaluation of one batch; None where nothing is evaluated."""
    experiment = bind(ready.experiment, ready.experiment.inputs)
    splits = experiment.data.splits if experiment.data else None
    names = [
        name
        for name in (*experiment.final, *experiment.watched)
        if splits is None or name in splits
    ]
    if not names:
        return None
    batch = next(iter(ready.program.feed.evaluation(names[0])))
    shapes = jax.eval_shape(lambda: batch)
    note = f"Reads the state and gives the metrics of one batch of the split {names[0]}."
    arguments = {"state": ready.program.shapes.state, "batch": shapes, "key": _key()}
    return trace("evaluate", note, experiment.evaluate, arguments)


def trace_predict(ready: Opened) -> Traced | None:
    """What `predict` computes; None where an experiment does not predict."""
    predictor = ready.experiment.offers.get("predict")
    if predictor is None:
        return None
    note = "What a trained model gives for inputs: the command `predict` runs this."
    arguments = {"state": ready.program.shapes.state, "inputs": predictor.examples}
    return trace("predict", note, predictor.apply, arguments)


def make_page(title: str, summary: str, traced: Sequence[Traced], experiments: Path) -> str:
    """A page of these programs, as HTML; what is not compiled yet is compiled.

    Of a program whose results are a new state and metrics, `new/...` and `metric/...`, there is
    another with metrics off, of which the new state alone is wanted.
    """
    reader, sheets = Trace(experiments), Sheets()
    programs: list[Program] = []
    for each in traced:
        wanted = [True] * len(each.results)
        programs.append(_program(each, wanted, reader, sheets, experiments))
        state = [not name.startswith("metric/") for name in each.results]
        if not all(state):
            off = each._replace(
                name=f"{each.name}, metrics off",
                note="The same step where nobody reads its metrics: only the new state is wanted.",
            )
            programs.append(_program(off, state, reader, sheets, None))
    return render(title, summary, programs, sheets)


def _program(
    each: Traced,
    wanted: Sequence[bool],
    reader: Trace,
    sheets: Sheets,
    experiments: Path | None,
) -> Program:
    """The stages of a program; compiled only where `experiments` are given."""
    before = reader.block(each.traced.jaxpr.jaxpr, wanted, each.inputs, each.results)
    after = before.kept
    stages = [
        Stage("1 traced", TRACED, sheets.add(before, each.name)),
        Stage("2 pruned", PRUNED, sheets.add(after, each.name)),
    ]
    blocks = [before, after]
    counts: list[Mapping[str, float]] = [{}, {}]
    if experiments is not None:
        lowered = each.traced.lower()
        compiled = each.compiled or lowered.compile()
        last = compiled_block(parse(compiled.as_text()), experiments, each.results)
        note = COMPILED.format(jax.devices()[0].platform)
        stages.append(Stage("3 compiled", note, sheets.add(last, each.name)))
        blocks.append(last)
        counts = [analysis_of(lowered), {}, analysis_of(compiled)]
    return Program(each.name, each.note, tuple(stages), _totals(blocks, counts), _remarks(blocks))


def _totals(
    blocks: Sequence[Block], counts: Sequence[Mapping[str, float]]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    totals = [block.totals for block in blocks]
    rows = [
        ("operations", [f"{each.operations:,}" for each in totals]),
        ("floating-point operations", [spell_flops(each.flops) for each in totals]),
        ("read and written by operations", [spell_bytes(int(each.bytes)) for each in totals]),
        ("operations run, loops in full", [f"{each.work:,}" for each in totals]),
        ("of these one after the other", [f"{each.chain:,}" for each in totals]),
        ("at once, on average", [f"{each.work / max(1, each.chain):.1f}" for each in totals]),
        ("fusions", [f"{each.fusions:,}" if each.fusions else "" for each in totals]),
    ]
    if any(counts):
        flops = [each.get("flops") for each in counts]
        size = [each.get("bytes accessed") for each in counts]
        rows += [
            ("floating-point operations, by XLA",
             ["" if each is None else spell_flops(each) for each in flops]),
            ("read and written, by XLA",
             ["" if each is None else spell_bytes(int(each)) for each in size]),
        ]  # fmt: skip
    return tuple((label, tuple(cells)) for label, cells in rows)


def _remarks(blocks: Sequence[Block]) -> tuple[str, ...]:
    remarks = []
    if any(_has_loop(block, {}) for block in blocks):
        remarks.append(
            "A while loop's body counts once where its length is not known before it runs. "
            "JAX keeps all that such a loop carries; the compiler may remove more."
        )
    if len(blocks) > 2:
        remarks.append(
            "XLA counts every loop's body once, functions such as exp apart, and no taps on the "
            "padding of a convolution. One operation of a trace can be many of the compiler's: a "
            "random number is over a hundred."
        )
    return tuple(remarks)


def _has_loop(block: Block, found: dict[int, bool]) -> bool:
    if id(block) not in found:
        found[id(block)] = any(
            (op.name == "while" and op.times == 1) or any(_has_loop(b, found) for _, b in op.inside)
            for op in block.ops
        )
    return found[id(block)]
