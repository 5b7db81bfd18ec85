from __future__ import annotations

from dataclasses import fields, replace

import pytest

from experiments.sequence.sine_rnn import Config, make, smoke, validate


def test_defaults_and_smoke_are_valid():
    assert validate(Config()) == validate(smoke(Config())) == []
    assert 20 <= make(smoke(Config())).steps <= 40
    assert make(Config()).hyperparameters == {"learning_rate": 0.02, "gradient_norm": 1.0}


@pytest.mark.parametrize("field", fields(Config), ids=lambda field: field.name)
def test_every_field_has_a_bound_and_its_message_names_it(field):
    wrong = [-1] if field.type == "int" or "int" in str(field.type) else [-1.0, float("nan")]
    for value in wrong:
        messages = validate(replace(Config(), **{field.name: value}))
        assert len(messages) == 1
        assert f"--{field.name.replace('_', '-')} " in messages[0]


def test_all_mistakes_at_once():
    wrong = Config(steps=-1, streams=0, windows=1, learning_rate=float("inf"))
    assert len(validate(wrong)) == 4
