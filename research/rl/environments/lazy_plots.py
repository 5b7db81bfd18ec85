"""gymnax without the plotting libraries that it imports, until it draws something."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

PLOTTING = ("matplotlib.pyplot", "seaborn")
"""What gymnax draws with. They take most of the two seconds that its import takes (seaborn brings
SciPy's statistics and pandas), and no run needs them."""


class _PutOff(ModuleType):
    """Stands for a module, which is imported when it is first looked into."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def plots_put_off() -> Iterator[None]:
    """What is imported within gets stand-ins for `PLOTTING`; what comes after does not."""
    stand_ins = {name: _PutOff(name) for name in PLOTTING if name not in sys.modules}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]
