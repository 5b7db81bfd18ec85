"""Until all experiments are values: a file with `Config`, `validate`, `smoke`, `make` as one."""

from __future__ import annotations

import dataclasses
import types
from typing import Any

from research.options.config import Config


def adapt(module: Any) -> Config | None:
    """The config of such a file; None of any other."""
    if not all(hasattr(module, part) for part in ("Config", "validate", "smoke", "make")):
        return None

    def plain(config: Any) -> Any:
        values = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
        return module.Config(**values)

    def smoke(self: Any) -> Any:
        small = module.smoke(plain(self))
        return type(self)(**{f.name: getattr(small, f.name) for f in dataclasses.fields(small)})

    body = {
        "legacy": True,
        "make": lambda self: module.make(plain(self)),
        "make_to_use": lambda self, needs: module.make(plain(self), needs),
        "smoke": smoke,
        "problems": lambda self: list(module.validate(plain(self))),
        "__module__": module.__name__,
    }
    made = types.new_class("Config", (module.Config, Config), {}, lambda space: space.update(body))
    whole: Any = dataclasses.dataclass(frozen=True)(made)
    adapted: Config = whole()
    return adapted
