from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.rl.cartpole_ppo import config
from research.options.config import fields_of, make_experiment, problems_of
from research.options.ranges import flag


def test_defaults_and_smoke_are_valid():
    assert problems_of(config) == problems_of(config.smoke()) == []
    experiment = make_experiment(config.smoke())
    assert 20 <= experiment.steps <= 40
    floats = {field.name for field in fields_of(config) if field.kind is float}
    assert experiment.hyperparameters.keys() == floats
    assert len(floats) == 7
    whole = make_experiment(config)
    assert whole.steps * whole.items_per_step == 199_936  # the last full rollout before 200,000


@pytest.mark.parametrize(
    "field",
    [field for field in fields_of(config) if field.kind in (int, float)],
    ids=lambda field: field.name,
)
def test_every_field_has_a_bound_and_its_message_names_it(field):
    for value in [-1] if field.kind is int else [-1.0, float("nan")]:
        messages = problems_of(replace(config, **{field.name: value}))
        assert len(messages) == 1
        assert f"{flag(field.name)} " in messages[0]


def test_minibatches_must_fill_a_rollout():
    (message,) = problems_of(replace(config, minibatch_size=100))
    assert "--minibatch-size" in message
    assert "256" in message


def test_all_mistakes_at_once():
    wrong = replace(config, epochs=0, discount=1.5, clip_range=0.0, value_weight=-1.0)
    assert len(problems_of(wrong)) == 4


def test_an_environment_must_exist_and_fit():
    assert problems_of(replace(config, environment="Pendulum-v1")) == []
    (message,) = problems_of(replace(config, environment="Pendulum"))
    assert "--environment Pendulum" in message and "did you mean Pendulum-v1" in message
    lake = replace(config, environment="FrozenLake4x4-finite")
    assert problems_of(lake) == []
    (message,) = problems_of(replace(lake, normalise_observations=True))
    assert "--normalise-observations" in message
