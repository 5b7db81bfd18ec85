"""An ONNX graph in the making: values, nodes, constants, and sizes that follow the batch."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import onnx
from jax.extend.core import JaxprEqn

BATCH = "batch"
"""The name of the first axis of every input and output."""
Shape: TypeAlias = tuple[Any, ...]
"""Sizes: ints, or sums such as `2*batch + 1`."""

_LINEAR = re.compile(rf"(?:(\d+)\*)?{BATCH}(?: ([+-]) (\d+))?")


class NotInOnnx(ValueError):
    """An operation that is not written as ONNX.

    Attributes:
        operation: the primitive's name, as JAX has it.
        layer: the module that it stands in, `Classifier/Dense_0`; "" outside of any.
    """

    def __init__(self, operation: str, layer: str, reason: str = "") -> None:
        """Of an operation, with a reason where others of its kind can be written."""
        self.operation, self.layer = operation, layer
        where = f"in the layer {layer}" if layer else "outside of any layer"
        super().__init__(
            f"the operation {operation} {where} is not written as ONNX"
            + (f": {reason}" if reason else "")
        )


class Value(NamedTuple):
    """An array of the program.

    Attributes:
        shape: of the array.
        dtype: of the array.
        name: of the node's output, or of the input, that it is; "" for a constant.
        array: a constant itself.
        narrow: the same before it was repeated along axes; None where it was not. Elementwise
            operations repeat by themselves, and take this one.
    """

    shape: Shape
    dtype: np.dtype
    name: str = ""
    array: Any = None
    narrow: Any = None


Operand: TypeAlias = Value | str | Sequence[int] | np.ndarray
"""What a node is given: a value, the name of one, "" for none, ints, or a constant."""


class Graph:
    """The nodes of a graph, in order, or of the body of a loop or a branch in one.

    Attributes:
        nodes: so far.
        constants: name -> array; those of a body are its outermost graph's.
        layer: what nodes are now written for; it becomes part of their names.
    """

    def __init__(self, source: str = "", outer: Graph | None = None) -> None:
        """A graph whose batch is the first axis of the input `source`, or a body in `outer`."""
        self.nodes: list[onnx.NodeProto] = []
        self.root: Graph = self if outer is None else outer.root
        self.layer: str = "" if outer is None else outer.layer
        self.source = source
        self.constants: dict[str, np.ndarray] = {}
        self._known: dict[Any, str] = {}
        self._numbers = itertools.count()

    @contextmanager
    def within(self, layer: str) -> Iterator[None]:
        """Nodes for a layer of the present one."""
        outer = self.layer
        self.layer = "/".join(part for part in (outer, layer) if part)
        try:
            yield
        finally:
            self.layer = outer

    def new_name(self, kind: str) -> str:
        """A name that nothing has yet."""
        number = next(self.root._numbers)
        return f"{self.layer}/{kind}_{number}" if self.layer else f"{kind}_{number}"

    def outputs(
        self, kind: str, operands: Sequence[Operand], count: int, **attributes: Any
    ) -> list[str]:
        """A node of several outputs; their names."""
        name = self.new_name(kind)
        outputs = [f"{name}:{k}" for k in range(count)] if count > 1 else [name]
        inputs = [self.name(operand) for operand in operands]
        self.nodes.append(onnx.helper.make_node(kind, inputs, outputs, name=name, **attributes))
        return outputs

    def node(self, kind: str, *operands: Operand, **attributes: Any) -> str:
        """A node of one output; its name."""
        return self.outputs(kind, operands, 1, **attributes)[0]

    def name(self, operand: Operand) -> str:
        """The name of an operand; a constant gets one here."""
        if isinstance(operand, str):
            return operand
        if isinstance(operand, np.ndarray):
            return self._constant(operand)
        if not isinstance(operand, Value):
            return self._constant(np.asarray(operand, np.int64))
        return operand.name or self._constant(np.asarray(operand.array, operand.dtype))

    def _constant(self, array: np.ndarray) -> str:
        root = self.root
        known = (array.dtype.str, array.shape, array.tobytes())
        if known not in root._known:
            name = f"constant_{len(root._known)}"
            root._known[known] = name
            root.constants[name] = array
        return root._known[known]

    def sizes(self, shape: Shape) -> Operand:
        """The sizes of a shape, int64 `[axes]`."""
        if _fixed(shape):
            return shape
        return self.root.node("Concat", *(self.root._size(size) for size in shape), axis=0)

    def _target(self, shape: Shape) -> Operand:
        """The same for a reshape, which finds one size of an array that is not empty itself."""
        symbolic = [size for size in shape if not isinstance(size, int)]
        if len(symbolic) == 1 and 0 not in shape:
            return [size if isinstance(size, int) else -1 for size in shape]
        return self.sizes(shape)

    def _size(self, size: Any) -> Operand:
        """One size, int64 `[1]`."""
        if isinstance(size, int):
            return [size]
        if str(size) not in self._known:
            found = _LINEAR.fullmatch(str(size))
            if found is None:
                raise NotInOnnx("shape", self.layer, f"an axis is {size} long")
            name = self.node("Shape", self.source, start=0, end=1)
            if found[1]:
                name = self.node("Mul", name, [int(found[1])])
            if found[3]:
                name = self.node("Add", name, [int(found[2] + found[3])])
            self._known[str(size)] = name
        return self._known[str(size)]

    def cast(self, operand: Operand, dtype: Any) -> str:
        """The operand in another dtype."""
        return self.node("Cast", operand, to=element_type(dtype))

    def reshape(self, operand: Operand, shape: Shape) -> str:
        """The operand in another shape of as many entries."""
        if isinstance(operand, Value) and operand.array is not None and _fixed(shape):
            return self.name(constant(np.reshape(operand.array, shape)))
        return self.node("Reshape", operand, self._target(shape))

    def transpose(self, operand: Operand, order: Sequence[int]) -> Operand:
        """The operand with its axes in another order."""
        if [*order] == [*range(len(order))]:
            return operand
        if isinstance(operand, Value) and operand.array is not None:
            return self.name(constant(np.transpose(operand.array, order)))
        return self.node("Transpose", operand, perm=[*order])


def _fixed(shape: Shape) -> bool:
    return all(isinstance(size, int) for size in shape)


def element_type(dtype: Any) -> int:
    """ONNX's number of a dtype."""
    return int(onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def result_of(equation: JaxprEqn, place: int = 0) -> Any:
    """The shape and dtype of a result of an operation."""
    return equation.outvars[place].aval


def constant(array: Any) -> Value:
    """A value that is known before the program runs."""
    array = jnp.asarray(array) if isinstance(array, jax.Array) else np.asarray(array)
    return Value(tuple(array.shape), array.dtype, array=array)


def pruned(nodes: Sequence[onnx.NodeProto], outputs: Sequence[str]) -> list[onnx.NodeProto]:
    """The nodes, in order, that outputs are computed from; bodies keep all of theirs."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(names_read(node))
    return kept[::-1]


def names_read(node: onnx.NodeProto) -> Iterator[str]:
    """Names of what a node reads, and its bodies of the graphs around them, among others."""
    yield from node.input
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield from (output.name for output in attribute.g.output)
            for inner in attribute.g.node:
                yield from names_read(inner)
