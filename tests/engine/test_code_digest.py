"""The code digest covers what an experiment imports from the project, and nothing else."""

import ast
import hashlib
import json
import subprocess
import sys

import pytest

from research.engine.fingerprint import DIGITS, ROOT, _executed, changed, code_digest

FILES = {
    "research/__init__.py": "",
    "research/engine/__init__.py": "",
    "research/engine/program.py": "from research.engine import advance\n",
    "research/engine/advance.py": "from research.engine import keys\n",
    "research/engine/loop.py": "from research.engine import saver\n",
    "research/engine/saver.py": "",
    "research/data/__init__.py": "",
    "research/data/feed.py": "from research.data import stream\n",
    "research/data/stream.py": "",
    "research/engine/keys.py": "import zlib\n",
    "research/vision/__init__.py": "",
    "research/vision/models.py": "from . import losses\nfrom ..layers.pooling import pool\n",
    "research/vision/losses.py": (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from research.vision import unused\nelse:\n    import math\n"
    ),
    "research/vision/unused.py": "",
    "research/layers/__init__.py": "",
    "research/layers/pooling.py": "def pool():\n    import research.layers.late\n",
    "research/layers/late.py": "",
    "research/rl/__init__.py": "",
    "research/rl/ppo.py": "",
    "experiments/vision/net.py": "from research.vision.models import Net\nimport numpy\n",
    "experiments/vision/more.py": "from experiments.vision.net import make\n",
}
EXPECTED = {
    "experiments/vision/net.py",
    "research/__init__.py",
    "research/engine/__init__.py",
    "research/engine/program.py",
    "research/engine/advance.py",
    "research/engine/loop.py",
    "research/data/__init__.py",
    "research/data/feed.py",
    "research/data/stream.py",
    "research/engine/keys.py",
    "research/vision/__init__.py",
    "research/vision/models.py",
    "research/vision/losses.py",
    "research/layers/__init__.py",
    "research/layers/pooling.py",
    "research/layers/late.py",
}


@pytest.fixture
def tree(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def digest(tree, name="experiments/vision/net.py"):
    return code_digest(tree / name, tree)


def test_the_closure_of_imports(tree):
    found = digest(tree)
    assert set(found) == EXPECTED
    assert list(found) == sorted(found)
    # By hand: files of one import and an end of line.
    for name in ("research/engine/program.py", "research/engine/keys.py"):
        executed = FILES[name].removesuffix("\n").encode()
        assert found[name] == hashlib.sha256(executed).hexdigest()[:DIGITS]


def test_an_experiment_that_imports_another(tree):
    assert set(digest(tree, "experiments/vision/more.py")) == EXPECTED | {
        "experiments/vision/more.py"
    }


@pytest.mark.parametrize("name", sorted(set(FILES) - {"experiments/vision/more.py"}))
def test_a_change_is_seen_exactly_where_it_counts(tree, name):
    before = digest(tree)
    (tree / name).write_text(FILES[name] + "\nx = 1\n")
    phrases = changed(before, digest(tree))
    assert phrases == ([f"{name} changed"] if name in EXPECTED else [])
    assert (before == digest(tree)) == (name not in EXPECTED)


def test_added_and_removed_files_are_named(tree):
    before = digest(tree)
    (tree / "research/engine/keys.py").write_text("import research.rl.ppo\n")
    after = digest(tree)
    assert changed(before, after) == [
        "research/engine/keys.py changed",
        "research/rl/__init__.py added",
        "research/rl/ppo.py added",
    ]
    assert "research/rl/ppo.py removed" in changed(after, before)
    assert changed(before, before) == []


def test_line_ends_do_not_count(tree):
    before = digest(tree)
    path = tree / "research/engine/keys.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert digest(tree) == before


SAID = '''\
"""What the module is."""

import zlib  # for sums

KEPT = "# no comment" + 'nor "this" # one'
"""What is kept."""
TEXT = """one

two # three
"""


class Note(Exception):
    """Nothing but a sentence,

    and another with a "quote".
    """


def add(x: int) -> int: "Sum."; return x + 1  # one more


def echo(x: int) -> int:
    # As it is.
    """The same."""

    return x
'''
UNSAID = '''\
"""Another sentence,
of two lines."""
import zlib


KEPT = "# no comment" + 'nor "this" # one'   # kept
"é"
TEXT = """one

two # three
"""
class Note(Exception):
    "Other words."
def add(x: int) -> int: "é"; return x + 1
def echo(x: int) -> int:
    "x"  # again
    return x
# The end.'''


def test_what_is_only_said_does_not_count(tree):
    path = tree / "research/engine/keys.py"
    path.write_text(SAID)
    before = digest(tree)
    path.write_text(UNSAID)
    assert digest(tree) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x + 1", "x + 2"),
        ("# no comment", "# a comment"),
        ('"this" # one', '"this" # two'),
        ("one\n\ntwo", "one\ntwo"),
        ("# three", "# four"),
        ("    return x\n", "    return -x\n"),
        ('"Sum."; return', "return"),
        ("(Exception)", "(ValueError)"),
    ],
)
def test_whatever_is_executed_counts(tree, old, new):
    path = tree / "research/engine/keys.py"
    path.write_text(SAID)
    before = digest(tree)
    assert SAID.count(old) == 1
    path.write_text(SAID.replace(old, new))
    assert changed(before, digest(tree)) == ["research/engine/keys.py changed"]


def test_what_counts_of_each_file_of_encore_is_its_syntax_tree():
    """Oracle: Python's own parser, of which comments are no part."""
    for file in (ROOT / "research").rglob("*.py"):
        source = file.read_text()
        tree = ast.parse(source)
        executed = ast.parse(_executed(source, tree))
        for whole in (tree, executed):
            for node in ast.walk(whole):
                for name, old in ast.iter_fields(node):
                    if isinstance(old, list):
                        setattr(node, name, ["pass" if is_unread(one) else one for one in old])
        assert ast.dump(tree) == ast.dump(executed), file


def is_unread(node):
    return isinstance(node, ast.Pass) or (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def test_a_cycle_of_imports_ends(tree):
    (tree / "research/engine/keys.py").write_text("import research.engine.advance\n")
    assert set(digest(tree)) == EXPECTED


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.slow), 5])
def test_the_static_closure_holds_every_module_that_is_imported(every):
    """Oracle: Python's own import system, in a process of its own that imports JAX but once."""
    files = sorted((ROOT / "experiments").glob("*/*.py"))[::every]
    code = """if True:
        import json, runpy, sys
        def ours():
            return [n for n in sys.modules if n.split(".")[0] in ("research", "experiments")]
        for file in sys.argv[1:]:
            for name in ours():
                del sys.modules[name]
            runpy.run_path(file)
            import research.engine.program
            paths = [getattr(sys.modules[name], "__file__", None) for name in ours()]
            print(json.dumps([path for path in paths if path]))
    """
    run = subprocess.run(
        [sys.executable, "-c", code, *map(str, files)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=300,
    )
    lines = run.stdout.splitlines()
    assert len(lines) == len(files) > 40 // every
    for file, line in zip(files, lines, strict=True):
        imported = {name.removeprefix(f"{ROOT}/") for name in json.loads(line)}
        assert len(imported) > 10, file
        imported.add(file.relative_to(ROOT).as_posix())
        assert imported - set(code_digest(file)) == set(), file


@pytest.mark.parametrize(
    "name",
    [f"data/{name}" for name in ("feed", "stream", "columns", "order")]
    + [
        f"engine/{name}"
        for name in ("mesh", "program", "population", "environment", "loop", "finish")
    ],
)
def test_what_drives_every_run_is_covered_and_what_only_shows_it_is_not(name):
    for file in ("experiments/vision/digits_cnn.py", "experiments/rl/three_state_q_iteration.py"):
        covered = code_digest(ROOT / file)
        assert f"research/{name}.py" in covered
        assert "research/engine/interrupts.py" not in covered
        assert not any(path.startswith("research/cli/") for path in covered)


def test_files_that_older_runs_did_not_record_are_one_phrase():
    covered = code_digest(ROOT / "experiments/vision/digits_cnn.py")
    older = {path: digest for path, digest in covered.items() if "/engine/pro" not in path}
    assert changed(older, covered) == [
        f"{len(covered) - len(older)} files behind every run were not recorded then"
    ]
    whole = {path: digest + "0" * 48 for path, digest in covered.items()}
    assert changed(whole, covered) == [], "as runs of before have them"
    assert changed(covered, {**covered, "research/engine/program.py": "0"}) == [
        "research/engine/program.py changed"
    ]
