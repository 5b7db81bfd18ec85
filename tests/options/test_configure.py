"""From options to a config."""

import json
from dataclasses import replace

import pytest

from research.errors import Mistake
from research.options.catalog import catalog, load
from research.options.config import config_fields
from research.options.configure import added_since, config_from, config_options, configure
from research.options.options import options_of, scan
from research.options.pace import RunOptions

OWN = options_of(RunOptions)


def read(project, tokens, smoke=False):
    named = load(catalog(project.root)[0])
    found = scan(tokens, config_options(named, OWN))
    return configure(named, found, smoke=smoke)


def test_defaults_then_smoke_then_what_was_typed(project):
    config, messages = read(project, [])
    assert (config.batch_size, config.learning_rate, messages) == (32, 1e-3, [])
    config, _ = read(project, [], smoke=True)
    assert (config.batch_size, config.learning_rate) == (2, 0.5)
    config, _ = read(project, ["--batch-size", "7"], smoke=True)
    assert (config.batch_size, config.learning_rate) == (7, 0.5)


def test_every_value_out_of_range_is_told(project):
    _, messages = read(project, ["--batch-size", "0", "--learning-rate=-1"])
    assert len(messages) == 2


def test_a_value_that_could_not_be_read_is_not_told_twice(project):
    # The smoke config alone would be right; the default is, too: force a message by the typed 0.
    _, messages = read(project, ["--batch-size", "0", "--learning-rate", "x"])
    assert messages == ["--batch-size must be at least 1, not 0"]


def test_a_value_error_while_the_config_is_made_is_a_message(project):
    config, messages = read(project, ["--title", "raise"])
    assert config is None
    assert messages == ["--title must not be raise"]


def test_a_field_named_like_an_option_of_run_is_the_experiments_mistake(project):
    text = (project.root / "experiments/alpha/probe.py").read_text()
    project.add("alpha/probe", text.replace("batch_size", "seed"))
    named = load(catalog(project.root)[0])
    with pytest.raises(Mistake, match=r"probe.py: the field seed makes --seed, which is taken"):
        config_options(named, OWN)


def test_a_recorded_config_reads_back(project):
    named = load(catalog(project.root)[0])
    config = replace(named.config, widths=(5, 6), limit=3)
    recorded = json.loads(json.dumps(config_fields(config)))
    assert config_from(named, recorded) == config
    assert added_since(named, recorded) == ""
    del recorded["limit"]
    assert config_from(named, recorded) == replace(named.config, widths=(5, 6))
    assert "before the experiment had --limit" in added_since(named, recorded)
    with pytest.raises(Mistake, match="no longer has --gone, with which"):
        config_from(named, recorded | {"gone": 1})


def test_a_field_left_out_as_neutral_reads_back_neutral_whatever_the_default(project):
    text = (project.root / "experiments/alpha/probe.py").read_text()
    text = text.replace("import COUNT, POSITIVE", "import COUNT, POSITIVE, Since")
    text = text.replace('"look ahead"] = True', '"look ahead", Since(False)] = True')
    project.add("alpha/probe", text)
    named = load(catalog(project.root)[0])
    assert config_fields(named.config)["nesterov"] is True
    recorded = config_fields(replace(named.config, nesterov=False))
    assert "nesterov" not in recorded
    assert config_from(named, recorded) == replace(named.config, nesterov=False) != named.config
    assert added_since(named, recorded) == ""
