"""Importing gymnax without what it imports only to draw."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

_TO_DRAW = ("seaborn", "matplotlib.pyplot")
"""Packages that gymnax imports with its environments: two of the seconds that it takes."""


def import_gymnax() -> ModuleType:
    """The package; those that it draws with are loaded when somebody uses them."""
    if "gymnax" not in sys.modules:
        for name in _TO_DRAW:
            _load_later(name)
    import gymnax

    return gymnax


def _load_later(name: str) -> None:
    if name in sys.modules:
        return
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        return
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)
    spec.loader.exec_module(module)
