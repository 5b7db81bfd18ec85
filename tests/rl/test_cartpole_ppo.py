from __future__ import annotations

from dataclasses import fields, replace

import pytest

from experiments.rl.cartpole_ppo import Config, make, smoke, validate

NUMBERS = ("int", "float")


def test_defaults_and_smoke_are_valid():
    assert validate(Config()) == validate(smoke(Config())) == []
    experiment = make(smoke(Config()))
    assert 20 <= experiment.steps <= 40
    floats = {field.name for field in fields(Config) if "float" in str(field.type)}
    assert experiment.hyperparameters.keys() == floats
    assert len(floats) == 7
    whole = make(Config())
    assert whole.steps * whole.items_per_step == 199_936  # the last full rollout before 200,000


@pytest.mark.parametrize(
    "field",
    [field for field in fields(Config) if field.type.split("[")[1].split(",")[0] in NUMBERS],
    ids=lambda field: field.name,
)
def test_every_field_has_a_bound_and_its_message_names_it(field):
    wrong = [-1] if "int" in str(field.type) else [-1.0, float("nan")]
    for value in wrong:
        messages = validate(replace(Config(), **{field.name: value}))
        assert len(messages) == 1
        assert f"--{field.name.replace('_', '-')} " in messages[0]


def test_minibatches_must_fill_a_rollout():
    (message,) = validate(Config(minibatch_size=100))
    assert "--minibatch-size" in message
    assert "256" in message


def test_all_mistakes_at_once():
    assert len(validate(Config(epochs=0, discount=1.5, clip_range=0.0, value_weight=-1.0))) == 4


def test_an_environment_must_exist_and_fit():
    assert validate(Config(environment="Pendulum-v1")) == []
    (message,) = validate(Config(environment="Pendulum"))
    assert "--environment Pendulum" in message and "did you mean Pendulum-v1" in message
    lake = Config(environment="FrozenLake4x4-finite")
    assert validate(lake) == []
    (message,) = validate(replace(lake, normalise_observations=True))
    assert "--normalise-observations" in message
