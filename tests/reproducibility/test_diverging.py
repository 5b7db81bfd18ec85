"""Every kind of learning, driven to infinity: the run stops, and says at which step."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from research.engine import ledger
from research.engine.identity import Identity
from research.engine.loop import Diverged, default_cadence
from research.engine.record import Observer
from research.engine.run import Slicing, launch
from research.errors import Exit
from research.options.catalog import catalog, load
from research.options.config import config_fields
from tests.reproducibility.conftest import opened_or_skipped

pytestmark = pytest.mark.usefixtures("plainly_compiled")

QUICK = ("rl/mountain_car_continuous_ddpg", "sequence/sine_rnn", "rl/cartpole_evolution_strategies")
"""Whose loss is called otherwise, is called loss, and that has none."""
SLOW = (
    "rl/cartpole_a2c",
    "rl/cartpole_dqn",
    "rl/cartpole_ppo",
    "rl/cartpole_pqn",
    "rl/cartpole_reinforce_baseline",
    "rl/deep_sea_curiosity",
    "rl/frozen_lake_muzero",
    "rl/memory_chain_recurrent_ppo",
    "rl/pendulum_ddpg",
    "rl/pendulum_sac",
    "rl/pendulum_td3",
    "sequence/char_transformer_small",
    "sequence/dates_attention",
    "vision/digits_cnn",
)
"""Nets whose gates and clipped steps keep every loss finite, however large, are not among them."""


@pytest.mark.parametrize(
    "name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
)
def test_it_stops_at_the_step_that_was_not_finite(name: str, tmp_path: Path) -> None:
    named = load(next(entry for entry in catalog() if entry.name == name))
    config = dataclasses.replace(named.config.smoke(), learning_rate=1e30)
    with opened_or_skipped(named, config) as ready:
        steps = ready.experiment.steps
        identity = Identity(name, config_fields(config), 0)
        slicing = Slicing(default_cadence(steps, ready.experiment.evaluate_every))
        with pytest.raises(Diverged) as told:
            launch(ready.program, identity, tmp_path, ready.surroundings, slicing, Observer())
    assert told.value.exit_code == Exit.DIVERGED == 1
    found = re.match(r"the ([a-z ]*loss|deviation) of step (\d+) is not finite", str(told.value))
    assert found is not None and int(found[2]) < steps
    assert ledger.read(tmp_path / "ledger.jsonl").result() is None
