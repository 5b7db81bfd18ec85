"""Which way the arrows point, and that a run is read without JAX."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "research/runs").glob("*.py"))


ARROWS = {
    "options": {"data", "engine"},
    "runs": {"engine", "options"},
    "sweep": {"engine", "options", "runs"},
}
"""Room -> those that it rests on: options stand below everything that has options."""


@pytest.mark.parametrize(
    "path",
    [path for room in ARROWS for path in sorted((ROOT / "research" / room).glob("*.py"))],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_a_room_rests_on_those_below_it_alone(path):
    room = path.parent.name
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    ours = {name.split(".")[1] for name in names if name.startswith("research.")}
    assert ours <= {*ARROWS[room], room, "errors"}
    assert room != "runs" or "jax" not in names


@pytest.mark.parametrize("engine", ["research.engine", "research.data", "research.rl"])
def test_the_engine_and_the_fields_know_no_reader(engine):
    """But for a field's commands, which stand beside it."""
    for path in (ROOT / engine.replace(".", "/")).rglob("*.py"):
        assert path.name == "commands.py" or "research.runs" not in path.read_text(), path


def loaded(code):
    """What of the heavy packages a process has loaded after some code."""
    code += "\nimport sys; print(*({'jax', 'numpy', 'scipy', 'matplotlib'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          check=True)  # fmt: skip
    return set(done.stdout.splitlines()[-1].split())


def test_no_module_of_the_reader_loads_jax_and_a_table_not_even_numpy():
    names = ", ".join(f"research.runs.{path.stem}" for path in MODULES if path.stem != "__init__")
    assert loaded(f"import {names}") == {"numpy"}
    assert loaded("import research.runs.rows") == set()


def test_a_recorded_run_is_read_whole_without_jax():
    code = (
        "from pathlib import Path\n"
        "from research.runs.reading import read_run\n"
        "(place,) = Path('records/vision/digits_cnn').glob('*-s0')\n"
        "assert read_run(place).members[0].curves"
    )
    assert loaded(code) == {"numpy"}


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("runs", "--runs-dir", "records"), set()),
        (("compare", "digits_cnn", "--runs-dir", "records"), {"numpy", "scipy"}),
        (("show", "digits_cnn/", "--runs-dir", "records"), {"numpy"}),
    ],
)
def test_commands_on_runs_start_no_jax(command, expected):
    code = f"from research.cli.main import main; main({list(command)})"
    assert loaded(code) <= expected
