"""A pure function of named inputs as one ONNX file, its parameters inside.

The file holds standard operations alone, so that any runtime of ONNX's opset takes it, in browsers
too. What the program does for one platform, such as Winograd's convolution on CPU, is left out: the
way that is written for any is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import jax
import numpy as np
import onnx

from research.export.onnx_graph import BATCH, Graph, NotInOnnx, Value, constant, pruned
from research.export.onnx_program import value_info, write_program
from research.prediction import Inputs, Outputs

OPSET = 18
"""Of the operations: the first with bitwise ones, and old enough for every runtime."""
_IR = 8
"""The version of the format that came with it."""

__all__ = ["BATCH", "OPSET", "NotInOnnx", "write_onnx"]


def write_onnx(
    apply: Callable[[Inputs], Outputs], examples: Mapping[str, jax.ShapeDtypeStruct], path: Path
) -> None:
    """Write a function as an ONNX file whose inputs and outputs have its names.

    Args:
        apply: named arrays `[batch, ...]` to named arrays `[batch, ...]`, traceable at any size of
            batch. What it closes over is written as constants.
        examples: its inputs, a batch of one.
        path: the file.

    Raises:
        NotInOnnx: for an operation that is not written as ONNX.
        ValueError: an output has the name of an input.
    """
    model = make_onnx(apply, examples)
    path.write_bytes(model.SerializeToString(deterministic=True))


def make_onnx(
    apply: Callable[[Inputs], Outputs], examples: Mapping[str, jax.ShapeDtypeStruct]
) -> onnx.ModelProto:
    """The model that `write_onnx` writes, checked."""
    (batch,) = jax.export.symbolic_shape(BATCH)
    given = {
        name: jax.ShapeDtypeStruct((batch, *example.shape[1:]), example.dtype)
        for name, example in examples.items()
    }
    program, shapes = jax.make_jaxpr(apply, return_shape=True)(given)
    if both := given.keys() & shapes.keys():
        raise ValueError(f"an input and an output of an ONNX file are both called {min(both)}")
    # Trees of dicts are sorted by name.
    names, outputs = sorted(given), sorted(shapes)
    arguments = [
        Value(tuple(given[name].shape), np.dtype(given[name].dtype), name) for name in names
    ]
    graph = Graph(names[0])
    constants = [constant(array) for array in program.consts]
    made = write_program(graph, program.jaxpr, constants, arguments)
    for name, value in zip(outputs, made, strict=True):
        node = onnx.helper.make_node("Identity", [graph.name(value)], [name], name=f"{name}:output")
        graph.nodes.append(node)
    nodes = pruned(graph.nodes, outputs)
    weights = [onnx.numpy_helper.from_array(a, name) for name, a in graph.constants.items()]
    order = [*examples]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            nodes,
            "predict",
            [
                value_info(one.name, one)
                for one in sorted(arguments, key=lambda v: order.index(v.name))
            ],
            [value_info(name, value) for name, value in zip(outputs, made, strict=True)],
            weights,
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=_IR,
        producer_name="encore",
    )
    onnx.checker.check_model(model, full_check=True)
    return model
