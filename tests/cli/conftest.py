"""A small project of its own, so that these tests do not depend on which experiments there are."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from research.cli import main as main_module

PROBE = '''
    """A probe: nothing to see.

    Words that only this text holds: zebra.

    Run: python launch.py run alpha/probe
    Expected: test accuracy 1.0
        (reference: 0.9)
    Time: 1 s
    """

    from __future__ import annotations

    from dataclasses import dataclass, replace
    from typing import Annotated, Literal

    from research.options.config import Config
    from research.options.ranges import COUNT, POSITIVE


    @dataclass(frozen=True)
    class Probe(Config):
        batch_size: Annotated[int, "examples in a step", COUNT] = 32
        learning_rate: Annotated[float, "step size", POSITIVE] = 1e-3
        nesterov: Annotated[bool, "look ahead"] = True
        optimizer: Annotated[Literal["adam", "sgd"], "which"] = "adam"
        widths: Annotated[tuple[int, ...], "units of each layer"] = (32, 64)
        limit: Annotated[int | None, "a limit"] = None
        title: Annotated[str, "a title"] = "probe"

        def __post_init__(self):
            if self.title == "raise":
                raise ValueError("--title must not be raise")

        def smoke(self):
            return replace(self, batch_size=2, learning_rate=0.5)

        def make(self):
            raise RuntimeError("made")


    config = Probe()
'''


class Project(NamedTuple):
    root: Path

    def add(self, name: str, text: str) -> Path:
        path = self.root / "experiments" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip())
        return path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    import sys

    made = Project(tmp_path / "project")
    made.add("alpha/probe", PROBE)
    monkeypatch.setattr(main_module, "ROOT", made.root)
    monkeypatch.chdir(tmp_path)
    yield made
    for name in [name for name in sys.modules if name.startswith("experiments.")]:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).is_relative_to(made.root):
            del sys.modules[name]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory, with a cache and no prepared data of its own."""
    monkeypatch.setenv("ENCORE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"
