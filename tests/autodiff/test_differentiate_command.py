"""`differentiate`: what it prints for the chapter's function, and how it refuses."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from research.cli.main import main
from research.options.catalog import ROOT

pytestmark = pytest.mark.usefixtures("plainly_compiled")

CHAPTER = "x**2*y + y + 2"
OUTPUT = """\
x**2*y + y + 2 = 42.0 where x = 3.0, y = 4.0

way                                       ∂/∂x                ∂/∂y  took
symbolic rules                            24.0                10.0  2 formulas
forward differences          24.00000023841858                10.0  3 evaluations
central differences                       24.0                10.0  4 evaluations
Richardson                                24.0                10.0  8 evaluations
complex step                              24.0  10.000000000000002  2 evaluations
forward mode (dual numbers)               24.0                10.0  2 passes
reverse mode (a tape)                     24.0                10.0  1 pass and back
hyper-dual numbers                        24.0                10.0  2 passes
jax.grad                                  24.0                10.0  1 pass and back

∂/∂x: 2*x*y
∂/∂y: x**2 + 1

second derivatives
         formula  symbolic rules  hyper-dual numbers  forward over reverse  jax.hessian
∂²/∂x²   2*y                 8.0                 8.0                   8.0          8.0
∂²/∂x∂y  2*x                 6.0                 6.0                   6.0          6.0
∂²/∂y²   0                   0.0                 0.0                   0.0          0.0

forward mode: for each variable a pass from the first step to the last
step  is      value  ∂/∂x  ∂/∂y
x     given     3.0   1.0   0.0
y     given     4.0   0.0   1.0
v1    x**2      9.0   6.0   0.0
v2    v1*y     36.0  24.0   9.0
v3    v2 + y   40.0  24.0  10.0
v4    v3 + 2   42.0  24.0  10.0

reverse mode: one pass from the last step back to the first
step  is      value  adjoint
v4    v3 + 2   42.0      1.0
v3    v2 + y   40.0      1.0
v2    v1*y     36.0      1.0
v1    x**2      9.0      4.0
y     given     4.0     10.0
x     given     3.0     24.0
"""


def differentiate(capsys: Any, *words: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, what `--json` prints, and the text for people."""
    code = main(["differentiate", *words, "--json"])
    printed = capsys.readouterr()
    return code, json.loads(printed.out), printed.err


def refused(capsys: Any, *words: str) -> str:
    code, report, _ = differentiate(capsys, *words)
    assert code == 2 and report["exit_code"] == 2
    message: str = report["error"].partition("\nSee: ")[0]
    return message.removeprefix("differentiate: ")


def test_the_chapters_function_as_it_is_printed(capsys: Any) -> None:
    assert main(["differentiate", CHAPTER, "--at", "x=3,y=4", "--steps"]) == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == OUTPUT.splitlines()


def test_json_has_the_same_facts(capsys: Any) -> None:
    code, facts, human = differentiate(capsys, CHAPTER, "--at", "y=4, x=3", "--steps")
    assert code == 0 and human.startswith("x**2*y + y + 2 = 42.0")
    assert facts["value"] == 42 and facts["at"] == {"x": 3, "y": 4} and not facts["notes"]
    assert facts["formulas"] == {"x": "2*x*y", "y": "x**2 + 1"}
    assert len(facts["ways"]) == 9
    for way in facts["ways"]:
        assert way["gradient"] == pytest.approx({"x": 24, "y": 10}, rel=2e-8), way["way"]
    assert len(facts["hessians"]) == 4
    for hessian in facts["hessians"].values():
        assert hessian == {"x": {"x": 8, "y": 6}, "y": {"x": 6, "y": 0}}
    assert [row["tangents"] for row in facts["steps"]["forward"]][2] == {"x": 6, "y": 0}
    assert facts["steps"]["reverse"][-1] == {"step": "x", "is": "", "value": 3, "adjoint": 24}


def test_a_long_step_errs_as_the_book_says(capsys: Any) -> None:
    # (x + h)² y - x² y = 2 x y h + y h²: forward by y h; central and the others exact.
    _, facts, _ = differentiate(capsys, CHAPTER, "--at", "x=3,y=4", "--step", "1e-4")
    found = {way["way"]: way["gradient"]["x"] for way in facts["ways"]}
    assert found["forward differences"] == pytest.approx(24.0004, abs=1e-9)
    assert found["central differences"] == pytest.approx(24, abs=1e-9)


def test_one_variable_a_minus_in_front_and_a_variable_called_like_a_step(capsys: Any) -> None:
    code, facts, _ = differentiate(capsys, "-v1**2 + tan(v1)", "--at", "v1=pi/4", "--steps")
    assert code == 0 and facts["at"] == {"v1": np.pi / 4}
    for way in facts["ways"]:
        assert way["gradient"]["v1"] == pytest.approx(2 - np.pi / 2, rel=1e-7), way["way"]
    assert len({row["step"] for row in facts["steps"]["reverse"]}) == len(facts["steps"]["reverse"])


@pytest.mark.parametrize(
    ("text", "at", "note", "jax"),
    [
        ("abs(x)", "x=0", "abs(x) has a kink here", 1.0),
        ("sqrt(x)", "x=0", "sqrt(x) has an infinite derivative here", "inf"),
        ("0**x + x", "x=0", "0**x has no derivative by its exponent, as its base is 0 here", None),
        ("max(x, 1)", "x=1", "max(x, 1) has a kink here", 0.5),
        ("where(x > 0, x, 2*x)", "x=0", "0 < x jumps here", 2.0),
    ],
)
def test_where_there_is_no_derivative_it_says_so(
    capsys: Any, text: str, at: str, note: str, jax: Any
) -> None:
    code, facts, human = differentiate(capsys, text, "--at", at)
    assert code == 0
    (said,) = facts["notes"]
    assert said.startswith(note) and f"note: {note}" in human
    assert jax is None or facts["ways"][-1]["gradient"] == {"x": jax}
    # At a point beside it there is one, and nothing is noted.
    code, facts, _ = differentiate(capsys, text.replace("0**", "2**"), "--at", "x=3")
    assert code == 0 and not facts["notes"]


def test_a_way_says_what_it_cannot(capsys: Any) -> None:
    _, facts, human = differentiate(capsys, "sqrt(x) + abs(y)", "--at", "x=0,y=2")
    notes = {way["way"]: way["note"] for way in facts["ways"]}
    assert notes["symbolic rules"] == "infinite: no derivative this way"
    assert notes["central differences"] == "not a number: no derivative this way"
    assert notes["complex step"] == "abs is not analytic" and "abs is not analytic" in human
    (complex_step,) = [way for way in facts["ways"] if way["way"] == "complex step"]
    assert complex_step["gradient"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([CHAPTER], "--at is missing: --at x=NUMBER,y=NUMBER"),
        (["x*y*z", "--at", "x=3"], "--at: y and z have no value: --at x=NUMBER,y=NUMBER,z=NUMBER"),
        ([CHAPTER, "--at", "x=3"], "--at: y has no value: --at x=NUMBER,y=NUMBER"),
        (["width**2", "--at", "widht=3"],
         '--at: the expression has no variable "widht"; did you mean width?'),
        (["x", "--at", "x=1,z=1"], '--at: the expression has no variable "z"; it has x'),
        (["x", "--at", "x=1,x=2"], "--at: x stands there twice"),
        (["x", "--at", "x=one"], '--at: x is to be a finite number, which "one" is not'),
        (["x", "--at", "x=1/0"], '--at: x is to be a finite number, which "1/0" is not'),
        (["x", "--at", "3"], '--at: "3" is no name with a number; x=NUMBER is wanted'),
        (["x^2", "--at", "x=3"],
         '"x^2" is no expression: at character 2, a power is written x**2, not x^2'),
        (["2 + 3", "--at", "x=1"], '"2 + 3" has no variable to differentiate by'),
        (["+".join("abcdfghij"), "--at", "a=1"],
         "8 variables are the most, and the expression has 9: a, b, c, d, f, g, h, i, j"),
        (["log(x)", "--at", "x=-1"], "there is no value at x = -1: log(x) is not a real number"),
        (["1/x", "--at", "x=0"],
         "there is no value at x = 0: 1/x is infinite, or too large for a float64"),
        (["x", "--at", "x=1", "--step", "0"], "--step must be above 0, not 0.0"),
        (["x", "--at", "x=1", "--step", "1e-30"],
         "--step 1e-30: a step of 1e-30 is lost in float64 beside 1: take a longer one"),
        (["x", "--at", "x=1", "--graph", "a.png"],
         "--graph a.png: the graph is written as .svg"),
        (["x", "--at", "x=1", "--graph", "/none/a.svg"],
         "--graph /none/a.svg: there is no folder /none"),
        (["-at", "x=1", "x"], "-at: two dashes are wanted: --at"),
        (["+".join(f"sin({n}*x)" for n in range(90)), "--at", "x=1", "--graph", "a.svg"],
         "--graph: a graph of 270 nodes is not drawn: 200 are the most"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_in_one_sentence(
    capsys: Any, words: list[str], message: str
) -> None:
    assert refused(capsys, *words) == message


def test_several_mistakes_are_told_at_once(capsys: Any) -> None:
    message = refused(capsys, "x*y", "--at", "x=a,z=1,q")
    assert message.startswith("3 mistakes") and len(message.splitlines()) == 4


def test_the_graph_is_written_and_named(capsys: Any, tmp_path: Path) -> None:
    file = tmp_path / "graph.svg"
    words = (CHAPTER, "--at", "x=3,y=4", "--graph", str(file))
    code, facts, human = differentiate(capsys, *words)
    assert code == 0 and facts["graph"] == str(file) and f"written: {file}" in human
    text = "".join(ElementTree.fromstring(file.read_text()).itertext())
    for part in ("v2 = v1*y", "value 36", "adjoint 24", "adjoint 10"):
        assert part in text
    content = file.read_bytes()
    differentiate(capsys, *words)
    assert file.read_bytes() == content
    # An infinite step within, of which nobody is warned.
    code, facts, _ = differentiate(capsys, "1/log(x)", "--at", "x=0", "--graph", str(file))
    assert code == 0 and facts["value"] == 0 and "value -inf" in file.read_text()


def test_help_and_the_ways_of_our_own_need_no_jax() -> None:
    code = (
        "import sys; from research.cli.main import main; main(['differentiate', '--help']);"
        "import research.autodiff.printing, research.report.graphs;"
        "sys.exit('imported jax' if 'jax' in sys.modules else 0)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=30,
                   capture_output=True)  # fmt: skip


def test_what_the_page_on_differentiation_types_works_as_written(
    capsys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "autodiff.md").read_text()
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^python launch.py (.*)$", page, re.MULTILINE)
    for command in commands:
        assert main(shlex.split(command, comments=True)) == 0
    printed = capsys.readouterr().out
    assert len(commands) == 5 and "= 42.0" in printed and "24.000400" in printed
    assert (tmp_path / "f.svg").is_file() and "has a kink here" in printed
    _, code, message = page.split("```")[1::2]
    exec(code.removeprefix("python\n"), {})
    assert capsys.readouterr().out == message.removeprefix("\n")


def test_the_rooms_that_the_page_names_are_there() -> None:
    page = (ROOT / "docs" / "autodiff.md").read_text()
    there = {path.name for path in (ROOT / "research" / "autodiff").rglob("*.py")}
    named = set(re.findall(r"`(\w+\.py)`", page))
    assert len(named) > 20 and named <= there
