"""Finding experiments by their files."""

import subprocess
import sys

import pytest

from research.errors import Mistake
from research.options.catalog import ROOT, catalog, load, read, resolve


def test_an_entry_is_what_the_docstring_says(project):
    (entry,) = catalog(project.root)
    assert entry.name == "alpha/probe"
    assert entry.summary == "A probe: nothing to see."
    assert entry.expected == "test accuracy 1.0 (reference: 0.9)"
    assert entry.time == "1 s"
    assert not entry.problem


def test_adding_a_file_adds_the_name(project):
    project.add("beta/other", '"""Other."""')
    project.add("beta/_hidden", '"""Not an experiment."""')
    assert [entry.name for entry in catalog(project.root)] == ["alpha/probe", "beta/other"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("def broken(:\n", "line 1"),
        ("x = 1\n", "no docstring"),
        ("x = '\0'\n", "null bytes"),
        ('"""Text.\n', "line 1"),
    ],
)
def test_a_broken_file_is_an_entry_with_a_problem(project, text, problem):
    path = project.add("beta/broken", text)
    assert problem in read(path).problem
    assert [entry.name for entry in catalog(project.root)] == ["alpha/probe", "beta/broken"]
    with pytest.raises(Mistake, match="cannot be used"):
        resolve("broken", catalog(project.root))


@pytest.mark.parametrize("name", ["alpha/probe", "probe", "experiments/alpha/probe.py"])
def test_names_that_resolve(project, name):
    assert resolve(name, catalog(project.root)).name == "alpha/probe"


def test_names_that_do_not_resolve(project):
    project.add("beta/probe", '"""Another."""')
    entries = catalog(project.root)
    with pytest.raises(Mistake, match="alpha/probe or beta/probe; give the full name"):
        resolve("probe", entries)
    with pytest.raises(Mistake, match=r"no experiment prob; did you mean"):
        resolve("prob", entries)
    with pytest.raises(Mistake, match=r"no experiment alfa/probe; did you mean alpha/probe"):
        resolve("alfa/probe", entries)
    with pytest.raises(Mistake, match=r"launch.py list"):
        resolve("zzzzzz", entries)


def test_loading_gives_the_config(project):
    named = load(catalog(project.root)[0])
    assert named.config.batch_size == 32
    assert named.config.smoke().batch_size == 2
    assert load(catalog(project.root)[0]).config is named.config


def test_an_experiment_that_fails_to_import_is_told_with_its_line(project):
    project.add("beta/fails", '"""Fails."""\n\nx = 1\nvalue = undefined_name\n')
    with pytest.raises(Mistake, match=r"NameError(.|\n)*line 4: value = undefined_name"):
        load(resolve("fails", catalog(project.root)))
    assert "experiments.beta.fails" not in sys.modules


@pytest.mark.parametrize("text", ["", "config = 3\n"])
def test_an_experiment_without_a_config(project, text):
    project.add("beta/lacks", f'"""Lacks."""\n\n{text}')
    with pytest.raises(Mistake, match="does not define `config`, an object of a class made from"):
        load(resolve("lacks", catalog(project.root)))


def test_an_experiment_that_cannot_be_made_small_or_at_all(project):
    text = (project.root / "experiments/alpha/probe.py").read_text()
    project.add("beta/whole", text.replace("def smoke(", "def tiny("))
    with pytest.raises(Mistake, match=r"cannot be imported: TypeError: .*abstract method '?smoke"):
        load(resolve("whole", catalog(project.root)))


@pytest.mark.parametrize("entry", catalog(), ids=lambda entry: entry.name)
def test_every_real_experiment_has_its_fixed_lines(entry):
    assert not entry.problem
    assert entry.summary and entry.expected and entry.time
    assert f"Run: python launch.py run {entry.name}" in entry.text


def test_the_catalog_needs_no_jax():
    code = (
        "import sys; from research.options.catalog import catalog; catalog();"
        "bad = {'jax', 'numpy', 'tensorflow_datasets'} & set(sys.modules);"
        "sys.exit(f'imported {bad}' if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=30)
