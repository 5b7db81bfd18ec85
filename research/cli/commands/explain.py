"""`explain`: what an experiment is made of and what one update costs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from research.cli.commands.run import more
from research.errors import Mistake
from research.options.assembly import open_experiment
from research.options.command import Command, Context, Outcome
from research.options.configure import NAME
from research.options.convert import spell
from research.options.launches import identity_of, read
from research.options.pace import RunOptions
from research.options.terminal import Column, make_console, print_table, spell_bytes
from research.runs.other_runs import begin

if TYPE_CHECKING:
    from research.options.assembly import Opened


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Compile one update of the experiment, and show its parts."""
    named, plans, options = read(COMMAND.name, tokens, context)
    if len(plans) > 1 or plans[0].varied:
        raise Mistake(f"explain {named.name}: one value of each option: one config at a time")
    config = plans[0].config
    inputs = begin(identity_of(named, plans[0], options), config, options, context).run.inputs
    with open_experiment(named, config, options.data, context.root, inputs=inputs) as ready:
        report = describe(ready)
    from research.options.config import config_fields

    report = {"experiment": named.name, "config": config_fields(config), **report}
    _print(report, context.human)
    return Outcome(report)


def describe(ready: Opened) -> dict[str, Any]:
    """The figures of an experiment as JSON values."""
    from research.engine.leaves import name_leaves

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
        "batch": _batch(ready),
        "update": _update_cost(ready)._asdict() if experiment.steps else None,
    }  # fmt: skip


def _count(leaf: Any) -> int:
    return math.prod(leaf.shape)


def _bytes(leaf: Any) -> int:
    return _count(leaf) * getattr(leaf.dtype, "itemsize", 4)


def _batch_shapes(ready: Opened) -> Any:
    """The shapes of one batch, as the compiled loop sees it."""
    import jax
    import numpy as np

    feed = ready.program.feed
    arrays = next(iter(feed.windows(0, 0, 1))).arrays
    return jax.eval_shape(feed.batch, arrays, np.uint32(0), np.int32(0))


def _batch(ready: Opened) -> dict[str, Any]:
    from research.engine.leaves import name_leaves

    if not ready.experiment.steps:
        return {}
    batch = name_leaves(_batch_shapes(ready))
    return {
        name: {"shape": list(leaf.shape), "dtype": str(leaf.dtype)} for name, leaf in batch.items()
    }


def _update_cost(ready: Opened) -> Cost:
    import jax

    from research.engine.experiment import bind

    key = jax.eval_shape(lambda: jax.random.key(0))
    state = ready.program.shapes.state
    update = bind(ready.experiment, ready.experiment.inputs).update
    return cost_of(update, state, _batch_shapes(ready), key)


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
    loops = ", loops of unknown length counted once" if cost["loops"] else ""
    accessed = cost["bytes_accessed"]
    accessed = "not known" if accessed is None else spell_bytes(accessed)
    rows = [
        ("products and convolutions", _flops(cost["product_flops"]), f"scans in full{loops}"),
        ("all operations", _flops(cost["flops"]), "XLA's count: every loop's body once"),
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


def _flops(count: float | None) -> str:
    if count is None:
        return "not known"
    for unit, size in (("TFLOP", 1e12), ("GFLOP", 1e9), ("MFLOP", 1e6), ("kFLOP", 1e3)):
        if count >= size:
            return f"{count / size:,.4g} {unit}"
    return f"{count:,.0f} FLOP"


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
    the compiled program.""",
    arguments=(NAME,),
    options=RunOptions,
    examples=(
        ("explain digits_cnn", "as it is"),
        ("explain digits_cnn --batch-size 256 --json", "a variant, for a program"),
    ),
    exits=(),
    execute=execute,
    more=more,
)


class Cost(NamedTuple):
    """The cost of one compiled update.

    Attributes:
        flops: floating-point operations, as XLA counts them: the body of a loop once.
        bytes_accessed: bytes read and written between operations, counted the same way.
        product_flops: 2 x multiplications in matrix products and convolutions, with the body of a
            scan counted as often as it runs.
        loops: loops in the program whose length the count above does not know.
        memory: name -> bytes on the device: arguments, outputs, temporaries, code.
    """

    flops: float | None
    bytes_accessed: float | None
    product_flops: float
    loops: int
    memory: Mapping[str, int]


def cost_of(function: Any, *shapes: Any) -> Cost:
    """Compile `function` for arguments of these shapes, without running it, and read its cost."""
    import jax

    compiled = jax.jit(function).lower(*shapes).compile()
    analysis = compiled.cost_analysis() or {}
    if isinstance(analysis, list):
        analysis = analysis[0] if analysis else {}
    product_flops, loops = product_cost(jax.make_jaxpr(function)(*shapes).jaxpr)
    return Cost(
        analysis.get("flops"),
        analysis.get("bytes accessed"),
        product_flops,
        loops,
        _memory(compiled.memory_analysis()),
    )


def _memory(analysis: Any) -> dict[str, int]:
    if analysis is None:
        return {}
    names = {
        "arguments": "argument_size_in_bytes",
        "outputs": "output_size_in_bytes",
        "temporaries": "temp_size_in_bytes",
        "program": "generated_code_size_in_bytes",
    }
    return {name: int(getattr(analysis, attribute, 0)) for name, attribute in names.items()}


def product_cost(jaxpr: Any) -> tuple[float, int]:
    """(2 x multiplications in products and convolutions, loops of unknown length counted once)."""
    flops, loops = 0.0, 0
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name == "dot_general":
            flops += _dot_flops(equation)
        elif name == "conv_general_dilated":
            flops += _convolution_flops(equation)
        else:
            parts = [product_cost(inner) for inner in _inner(equation.params)]
            if name == "cond":
                flops += max((part for part, _ in parts), default=0.0)
            else:
                times = equation.params["length"] if name == "scan" else 1
                flops += times * sum(part for part, _ in parts)
            loops += sum(inner for _, inner in parts)
            loops += name == "while" and any(part for part, _ in parts)
    return flops, loops


def _inner(parameters: Mapping[str, Any]) -> Iterator[Any]:
    """The programs inside an equation."""
    for value in parameters.values():
        for part in value if isinstance(value, list | tuple) else (value,):
            inner = getattr(part, "jaxpr", part)
            if hasattr(inner, "eqns"):
                yield inner


def _dot_flops(equation: Any) -> float:
    (contracting, _), _ = equation.params["dimension_numbers"]
    left = equation.invars[0].aval.shape
    return 2.0 * math.prod(equation.outvars[0].aval.shape) * math.prod(left[i] for i in contracting)


def _convolution_flops(equation: Any) -> float:
    kernel = equation.invars[1].aval.shape
    output_features = kernel[equation.params["dimension_numbers"].rhs_spec[0]]
    taps = math.prod(kernel) / max(output_features, 1)
    return 2.0 * math.prod(equation.outvars[0].aval.shape) * taps
