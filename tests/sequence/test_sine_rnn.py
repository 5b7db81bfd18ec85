from __future__ import annotations

from dataclasses import fields, replace

import pytest

from experiments.sequence.sine_rnn import config
from research.options.config import make_experiment, problems_of


def test_defaults_and_smoke_are_valid():
    assert problems_of(config) == problems_of(config.smoke()) == []
    assert 20 <= make_experiment(config.smoke()).steps <= 40
    assert make_experiment(config).hyperparameters == {"learning_rate": 0.02, "gradient_norm": 1.0}


@pytest.mark.parametrize("field", fields(config), ids=lambda field: field.name)
def test_every_field_has_a_bound_and_its_message_names_it(field):
    wrong = [-1] if isinstance(getattr(config, field.name), int) else [-1.0, float("nan")]
    for value in wrong:
        messages = problems_of(replace(config, **{field.name: value}))
        assert len(messages) == 1
        assert f"--{field.name.replace('_', '-')} " in messages[0]


def test_all_mistakes_at_once():
    wrong = replace(config, steps=-1, streams=0, windows=1, learning_rate=float("inf"))
    assert len(problems_of(wrong)) == 4
