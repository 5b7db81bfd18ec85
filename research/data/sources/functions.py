"""What a function on the host is: its name, its source text, and the values that it uses.

A run is refused, and what is cached of a function is made anew, when any of it changes.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import re
import sysconfig
import textwrap
import types
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import numpy as np

_OURS = __name__.partition(".")[0]
_INSTALLED = tuple(
    sorted({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
)


def describe(function: Any) -> list[Any]:
    """JSON values that differ where functions differ: name, source text, and values used.

    These values are arguments of a `functools.partial`, fields of an object that is called,
    variables of an enclosing function, and constants of the module; functions among them are
    described likewise. Those of installed packages and of Encore itself are no more than named: a
    run has the versions of the former, and a digest of the latter's code. Of anything else that a
    function uses there is its type alone: that belongs in the version.
    """
    return _function(function, ())


def _function(function: Any, above: tuple[Any, ...]) -> list[Any]:
    function = inspect.unwrap(function)
    if any(function is each for each in above):
        return ["again", _name(function)]
    above = (*above, function)
    if isinstance(function, functools.partial):
        values = [*function.args, *sorted(function.keywords.items())]
        return [_function(function.func, above), [_value(value, above) for value in values]]
    if inspect.ismethod(function):
        return [_function(function.__func__, above), _value(function.__self__, above)]
    if isinstance(function, types.FunctionType):
        if _is_known(function):
            return [_name(function)]
        return [function.__qualname__, _text(function), dict(_used(function, above))]
    if inspect.isroutine(function) or isinstance(function, np.ufunc | type):
        return [_name(function)]
    # An object that is called: of one built in, NumPy's or JAX's, the type is all there is.
    call = inspect.getattr_static(type(function), "__call__", None)
    if not isinstance(call, types.FunctionType) or _is_known(call):
        return [_name(function)]
    return [_function(call, above), _state(function, above)]


def _text(function: types.FunctionType) -> str:
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):  # typed at a prompt: what it was compiled to says as much
        return "".join(map(_compiled, _codes(function)))


def _compiled(code: types.CodeType) -> str:
    constants = [_value(each, ()) for each in code.co_consts if not _is_code(each)]
    return f"{code.co_code.hex()} {constants}"


def _codes(function: types.FunctionType) -> Iterator[types.CodeType]:
    """That of a function, and of all that are made inside of it."""
    waiting = [function.__code__]
    while waiting:
        code = waiting.pop()
        yield code
        waiting += filter(_is_code, code.co_consts)


def _is_code(value: Any) -> bool:
    return isinstance(value, types.CodeType)


def _used(function: types.FunctionType, above: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """Name -> value of what is not its own: of an enclosing function, and of the module."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    for name, cell in cells:
        try:
            yield name, _value(cell.cell_contents, above)
        except ValueError:  # not there yet
            yield name, None
    if function.__defaults__ or function.__kwdefaults__:
        defaults = [
            *(function.__defaults__ or ()),
            *sorted((function.__kwdefaults__ or {}).items()),
        ]
        yield "defaults", _value(defaults, above)
    names = {name for code in _codes(function) for name in code.co_names}
    for name in sorted(names & function.__globals__.keys()):
        yield name, _value(function.__globals__[name], above)


def _value(value: Any, above: tuple[Any, ...]) -> Any:
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return repr(value)
    if isinstance(value, PurePath | re.Pattern | np.generic | np.dtype):
        return repr(value)
    if isinstance(value, np.ndarray) and value.dtype != object:
        content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return [value.dtype.str, value.shape, content]
    if isinstance(value, dict):
        return [[repr(key), _value(each, above)] for key, each in value.items()]
    if isinstance(value, list | tuple):
        return [type(value).__name__, [_value(each, above) for each in value]]
    if isinstance(value, set | frozenset):
        return sorted(repr(_value(each, above)) for each in value)
    if isinstance(value, types.ModuleType | type):
        return getattr(value, "__qualname__", value.__name__)
    if any(value is each for each in above):
        return _name(value)
    if dataclasses.is_dataclass(value):
        return [_name(value), _state(value, (*above, value))]
    return _function(value, above) if callable(value) else _name(value)


def _state(value: Any, above: tuple[Any, ...]) -> list[Any]:
    """What an object holds: of a dataclass its fields, without what it has computed of them."""
    names = (
        [field.name for field in dataclasses.fields(value)]
        if dataclasses.is_dataclass(value)
        else sorted(getattr(value, "__dict__", ()))
    )
    return [[name, _value(getattr(value, name), above)] for name in names]


def _name(value: Any) -> str:
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{getattr(named, '__module__', None) or ''}.{named.__qualname__}"


def _is_known(function: types.FunctionType) -> bool:
    """Whether it is no function of a user's own."""
    if function.__module__.partition(".")[0] == _OURS:
        return True
    path = Path(function.__code__.co_filename)
    return any(path.is_relative_to(place) for place in _INSTALLED)
