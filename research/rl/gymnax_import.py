"""Importing gymnax without what it imports only to draw."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

_TO_DRAW = "seaborn"
"""A package that gymnax imports with its environments: two thirds of the time that it takes."""


def import_gymnax() -> ModuleType:
    """The package; what it draws with is loaded when somebody uses it."""
    if _TO_DRAW not in sys.modules:
        spec = importlib.util.find_spec(_TO_DRAW)
        if spec is not None and spec.loader is not None:
            spec.loader = importlib.util.LazyLoader(spec.loader)
            module = importlib.util.module_from_spec(spec)
            sys.modules[_TO_DRAW] = module
            spec.loader.exec_module(module)
    import gymnax

    return gymnax
