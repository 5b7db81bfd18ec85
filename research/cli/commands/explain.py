"""`explain`: what an experiment is made of and what one update costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

from research.errors import Mistake
from research.options.assembly import Delivery, open_experiment
from research.options.catalog import catalog, resolve
from research.options.command import Command, Context, Outcome
from research.options.configure import NAME, name_section
from research.options.convert import spell
from research.options.launches import identity_of, read
from research.options.options import file_problems
from research.options.pace import RunOptions
from research.options.ranges import PATH
from research.options.terminal import Column, make_console, print_table, spell_bytes
from research.runs.other_runs import begin

if TYPE_CHECKING:
    from research.graphs.stages import Traced
    from research.options.assembly import Delivery, Opened
    from research.options.catalog import Named


@dataclass(frozen=True)
class Options(RunOptions):
    """Options of `explain`."""

    graph: Annotated[str, "draw the programs, before and after: a file, .html", PATH] = ""

    def validate(self) -> list[str]:
        """What does not go together, a message each."""
        return super().validate() + file_problems("--graph", self.graph, ".html")


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Compile one update of the experiment, and show its parts."""
    named, plans, options = read(COMMAND.name, tokens, context, Options)
    if len(plans) > 1 or plans[0].varied:
        raise Mistake(f"explain {named.name}: one value of each option: one config at a time")
    config = plans[0].config
    inputs = begin(identity_of(named, plans[0], options), config, options, context).run.inputs
    with open_experiment(
        named, config, Delivery(options.data), context.root, inputs=inputs
    ) as ready:
        update = _compile_update(ready)
        report = describe(ready, update)
        page = _draw(named, ready, update, context) if options.graph else ""
    from research.options.config import config_fields

    report = {"experiment": named.name, "config": config_fields(config), **report}
    _print(report, context.human)
    if page:
        from research.engine.durable import write_file

        write_file(Path(options.graph), page)
        report["graph"] = options.graph
        print(f"\nwritten: {options.graph}", file=context.human)
    return Outcome(report)


def _compile_update(ready: Opened) -> Traced | None:
    """One update, compiled; None where there is none."""
    from research.graphs.stages import trace_update

    if not ready.experiment.steps:
        return None
    traced = trace_update(ready)
    return traced._replace(compiled=traced.traced.lower().compile())


def _draw(named: Named, ready: Opened, update: Traced | None, context: Context) -> str:
    """The page of its graphs.

    Raises:
        Mistake: it computes nothing by a traced program.
    """
    from research.graphs.stages import make_page, trace_evaluate, trace_predict

    programs = [update, trace_evaluate(ready), trace_predict(ready)]
    found = [each for each in programs if each is not None]
    if not found:
        raise Mistake(
            f"explain {named.name}: --graph: it has no update and evaluates nothing by a traced "
            "program: there is no graph to draw"
        )
    summary = resolve(named.name, catalog(context.root)).summary
    return make_page(named.name, summary, found, context.root / "experiments")


def describe(ready: Opened, update: Traced | None) -> dict[str, Any]:
    """The figures of an experiment, and of its update, as JSON values."""
    from research.engine.leaves import name_leaves
    from research.graphs.costs import cost_of

    experiment, shapes = ready.experiment, ready.program.shapes
    leaves = {name: leaf for name, leaf in name_leaves(shapes.state).items()}
    params = {name: leaf for name, leaf in leaves.items() if name.split("/")[0] == "params"}
    parts: dict[str, int] = {}
    for name, leaf in leaves.items():
        part = name.split("/")[0]
        parts[part] = parts.get(part, 0) + _bytes(leaf)
    data = experiment.data
    return {
        "steps": experiment.steps,
        "items_per_step": experiment.items_per_step,
        "items": experiment.items,
        "hyperparameters": dict(experiment.hyperparameters),
        "data": {name: {"name": source.name, "examples": len(source)}
                 for name, source in (data.splits.items() if data else ())},
        "parameters": {
            name: {"shape": list(leaf.shape), "dtype": str(leaf.dtype), "count": _count(leaf)}
            for name, leaf in params.items()
        },
        "parameter_count": sum(map(_count, params.values())),
        "state_bytes": parts,
        "batch": _batch(update),
        "update": cost_of(update.traced, update.compiled)._asdict() if update else None,
    }  # fmt: skip


def _count(leaf: Any) -> int:
    return math.prod(leaf.shape)


def _bytes(leaf: Any) -> int:
    return _count(leaf) * getattr(leaf.dtype, "itemsize", 4)


def _batch(update: Traced | None) -> dict[str, Any]:
    from research.engine.leaves import name_leaves

    if update is None:
        return {}
    _, batch, _ = update.traced.args_info[0]
    return {
        name: {"shape": list(leaf.shape), "dtype": str(leaf.dtype)}
        for name, leaf in name_leaves(batch).items()
    }


def _print(report: Mapping[str, Any], file: TextIO) -> None:
    console = make_console(file)
    console.print(str(report["experiment"]), style="bold")
    items = report["items_per_step"] * report["steps"]
    console.print(f"  {report['steps']:,} steps of {report['items_per_step']:,} {report['items']}: "
                  f"{items:,} in all")  # fmt: skip
    _table("Config", ("option", "value", ""), [
        (f"--{name.replace('_', '-')}", spell(value),
         "traced" if name in report["hyperparameters"] else "")
        for name, value in report["config"].items()
    ], file)  # fmt: skip
    _table("Data", ("split", "examples", "source"), [
        (name, f"{split['examples']:,}", split["name"]) for name, split in report["data"].items()
    ], file)  # fmt: skip
    _table("Batch", ("column", "shape", "type"), [
        (name or "array", _shape(leaf), leaf["dtype"]) for name, leaf in report["batch"].items()
    ], file)  # fmt: skip
    rows = [(name.removeprefix("params/"), _shape(leaf), leaf["dtype"], f"{leaf['count']:,}")
            for name, leaf in report["parameters"].items()]  # fmt: skip
    if rows:
        rows.append(("total", "", "", f"{report['parameter_count']:,}"))
    _table("Parameters", ("path", "shape", "type", "count"), rows, file)
    total = sum(report["state_bytes"].values())
    _table("State", ("part", "size"), [
        *((name or "state", spell_bytes(size)) for name, size in report["state_bytes"].items()),
        ("total", spell_bytes(total)),
    ], file)  # fmt: skip
    if report["update"]:
        _print_cost(report["update"], file)


def _print_cost(cost: Mapping[str, Any], file: TextIO) -> None:
    from research.graphs.sheets import spell_flops

    loops = ", loops of unknown length counted once" if cost["loops"] else ""
    accessed = cost["bytes_accessed"]
    accessed = "not known" if accessed is None else spell_bytes(accessed)
    rows = [
        ("products and convolutions", spell_flops(cost["product_flops"]), f"scans in full{loops}"),
        ("all operations", spell_flops(cost["flops"]), "XLA's count: every loop's body once"),
        ("bytes accessed", accessed, "XLA's count: the same"),
        *(
            (f"memory: {name}", spell_bytes(size), "")
            for name, size in cost["memory"].items()
            if size
        ),
    ]
    _table("One update, compiled alone", ("part", "cost", "as counted"), rows, file)


def _shape(leaf: Mapping[str, Any]) -> str:
    return "[" + ", ".join(str(size) for size in leaf["shape"]) + "]"


def _table(
    title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], file: TextIO
) -> None:
    """A table under its title, where there is something in it; numbers to the right."""
    if not rows:
        return
    console = make_console(file)
    console.print()
    console.print(title, style="bold")
    columns: list[Column] = []
    for heading, cells in zip(headings, zip(*rows, strict=True), strict=True):
        right = bool(columns) and all(cell[:1].isdigit() or not cell for cell in cells)
        columns.append(Column(heading, cells, right=right))
    print_table(columns, file)


COMMAND = Command(
    name="explain",
    summary="an experiment's parameters, state, data, and the cost of one update",
    text="""Compiles one update without running it and shows the parameter table, the size of the
    state, the batch, floating-point operations, bytes and memory. It takes the options of `run`, so
    that the cost of a variant is known before it is run. Options marked traced change nothing in
    the compiled program.

    --graph writes a page, to be opened in any browser without a network: update, evaluate and
    predict as graphs, each as it was traced, after dead-code elimination and as it was compiled,
    folded by function and layer. docs/graphs.md says how to read it.""",
    arguments=(NAME,),
    options=Options,
    examples=(
        ("explain digits_cnn", "as it is"),
        ("explain digits_cnn --batch-size 256 --json", "a variant, for a program"),
        ("explain digits_cnn --graph digits.html", "its programs as graphs"),
    ),
    exits=(),
    execute=execute,
    more=lambda tokens, context: name_section(Options, "Options of {}", tokens, context),
)
