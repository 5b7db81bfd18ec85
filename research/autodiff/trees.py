"""Trees of arrays: dicts, lists, tuples and named tuples, as JAX's pytrees, without JAX."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any


def leaves(tree: Any, path: str = "") -> list[tuple[str, Any]]:
    """The leaves of a tree with their paths, written as Python reaches them: `['dense'].kernel[0]`.

    None has no leaves, and all that is no container is one.
    """
    if not _is_container(tree):
        return [(path, tree)]
    return [leaf for name, child in _children(tree, path) for leaf in leaves(child, name)]


def rebuild(tree: Any, new: Iterable[Any]) -> Any:
    """The tree with other leaves, given in the order of `leaves`."""
    return _rebuild(tree, iter(new))


def map_leaves(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """The tree of `function` of each leaf, and of those of other trees at its place."""
    columns = [[leaf for _, leaf in leaves(each)] for each in (tree, *others)]
    return rebuild(tree, [function(*row) for row in zip(*columns, strict=True)])


def _is_container(tree: Any) -> bool:
    return tree is None or isinstance(tree, Mapping | list | tuple)


def _children(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, Mapping):
        # By key, as JAX: two dicts of other orders are the same tree.
        yield from ((f"{path}[{key!r}]", tree[key]) for key in sorted(tree))
    elif hasattr(tree, "_fields"):
        yield from ((f"{path}.{name}", getattr(tree, name)) for name in tree._fields)
    elif tree is not None:
        yield from ((f"{path}[{index}]", child) for index, child in enumerate(tree))


def _rebuild(tree: Any, new: Iterator[Any]) -> Any:
    if not _is_container(tree):
        return next(new)
    children = [_rebuild(child, new) for _, child in _children(tree, "")]
    if tree is None:
        return None
    if isinstance(tree, Mapping):
        return type(tree)(zip(sorted(tree), children, strict=True))  # type: ignore[call-arg]
    return type(tree)(*children) if hasattr(tree, "_fields") else type(tree)(children)
