"""Every named experiment at its smoke size, compiled once for all the checks on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from research.cli.opening import Opened, opened
from research.engine.cadence import Cadence, default_cadence
from research.engine.identity import Identity
from research.engine.observer import Silence
from research.engine.run import Slicing, StoppedRun, launch
from research.errors import Mistake
from research.options.catalog import ROOT, Named, catalog, load
from research.options.config import config_fields

ALIKE = {
    "vision/fashion_mnist_cnn": "vision/digits_cnn",
    "vision/fashion_mnist_small": "vision/digits_cnn",
    "vision/mnist_mlp": "vision/digits_cnn",
    "rl/cartpole_reinforce": "rl/cartpole_reinforce_baseline",
    "rl/cartpole_random_search": "rl/cartpole_evolution_strategies",
    "rl/cartpole_hill_climbing": "rl/cartpole_evolution_strategies",
    "rl/cartpole_cma_es": "rl/cartpole_evolution_strategies",
    "rl/cartpole_genetic": "rl/cartpole_evolution_strategies",
    "rl/mountain_car_continuous_td3": "rl/pendulum_ddpg",
    "rl/pendulum_td3": "rl/pendulum_ddpg",
    "rl/mountain_car_continuous_ddpg": "rl/pendulum_ddpg",
    "rl/cartpole_a2c": "rl/cartpole_ppo",
    "rl/pendulum_a2c": "rl/cartpole_ppo",
    "rl/cartpole_double_dqn": "rl/cartpole_dqn",
    "rl/cartpole_duelling_dqn": "rl/cartpole_dqn",
    "rl/cartpole_prioritised_dqn": "rl/cartpole_dqn",
    "rl/cartpole_n_step_dqn": "rl/cartpole_dqn",
    "rl/cartpole_c51": "rl/cartpole_dqn",
    "rl/acrobot_dqn": "rl/cartpole_dqn",
    "rl/mountain_car_dqn": "rl/cartpole_dqn",
    "rl/breakout_dqn": "rl/cartpole_dqn",
    "rl/deep_sea_dqn": "rl/cartpole_dqn",
    "rl/acrobot_ppo": "rl/cartpole_ppo",
    "rl/deep_sea_curiosity": "rl/cartpole_ppo",
    "rl/pendulum_ppo": "rl/cartpole_ppo",
    "rl/pendulum_sac": "rl/pendulum_ddpg",
    "rl/space_invaders_ppo": "rl/cartpole_ppo",
    "rl/mountain_car_ppo": "rl/cartpole_ppo",
    "rl/memory_chain_ppo": "rl/cartpole_ppo",
    "rl/breakout_ppo": "rl/cartpole_ppo",
    "rl/freeway_ppo": "rl/cartpole_ppo",
    "rl/asterix_ppo": "rl/cartpole_ppo",
    "rl/three_state_q_learning": "rl/maze_q_learning",
    "sequence/convolution_gru_ten_steps": "sequence/batch_norm_ten_steps",
    "sequence/naive_one_step": "sequence/naive_ten_steps",
    "sequence/linear_one_step": "sequence/batch_norm_ten_steps",
    "sequence/linear_ten_steps": "sequence/batch_norm_ten_steps",
    "sequence/neuron_one_step": "sequence/batch_norm_ten_steps",
    "sequence/rnn_one_step": "sequence/batch_norm_ten_steps",
    "sequence/rnn_dense_one_step": "sequence/batch_norm_ten_steps",
    "sequence/rnn_ten_steps": "sequence/batch_norm_ten_steps",
    "sequence/sequence_rnn_ten_steps": "sequence/batch_norm_ten_steps",
    "sequence/layer_norm_ten_steps": "sequence/batch_norm_ten_steps",
    "sequence/lstm_ten_steps": "sequence/batch_norm_ten_steps",
    "sequence/gru_ten_steps": "sequence/batch_norm_ten_steps",
    "sequence/gated_wavenet_ten_steps": "sequence/wavenet_ten_steps",
    "sequence/char_rnn_embedding": "sequence/char_rnn_stateful",
    "sequence/char_lstm_large": "sequence/char_rnn_stateful",
    "sequence/char_transformer": "sequence/char_transformer_small",
    "sequence/ridership_naive": "sequence/naive_ten_steps",
    "sequence/ridership_linear": "sequence/batch_norm_ten_steps",
    "sequence/ridership_rnn": "sequence/batch_norm_ten_steps",
    "sequence/ridership_deep": "sequence/batch_norm_ten_steps",
    "sequence/ridership_multivariate": "sequence/batch_norm_ten_steps",
    "sequence/translate_bahdanau": "sequence/dates_attention",
    "sequence/ridership_two_weeks": "sequence/batch_norm_ten_steps",
    "sequence/rnn_one_by_one": "sequence/batch_norm_ten_steps",
    "sequence/char_rnn_stateless": "sequence/char_transformer_small",
    "sequence/imdb_transformer": "sequence/imdb_bidirectional_gru",
    "sequence/reber_gru": "sequence/imdb_bidirectional_gru",
    "sequence/dates_encoder_decoder": "sequence/dates_attention",
    "sequence/translate_lstm": "sequence/dates_attention",
    "sequence/translate_bidirectional": "sequence/dates_attention",
    "sequence/translate_luong": "sequence/dates_attention",
    "sequence/imdb_bag_of_words": "sequence/imdb_bag_of_pairs",
    "sequence/imdb_mean_embedding": "sequence/imdb_bidirectional_gru",
    "sequence/imdb_gru": "sequence/imdb_bidirectional_gru",
    "sequence/imdb_gru_unmasked": "sequence/imdb_bidirectional_gru",
}
"""Experiments that share nearly all of their code with another: checked with the slow tests."""
LONG = (
    "rl/breakout_pqn",
    "rl/cartpole_pqn",
    "rl/cartpole_rainbow",
    "rl/frozen_lake_muzero",
    "rl/memory_chain_recurrent_ppo",
    "sequence/translate_transformer",
)
"""Experiments that take longest to compile and check: with the slow tests, too."""


def names() -> list[Any]:
    """All experiments, those that are alike or long marked as slow."""
    found, slow = [entry.name for entry in catalog()], {*ALIKE, *LONG}
    assert {*slow, *ALIKE.values()} <= set(found)
    assert slow.isdisjoint(ALIKE.values())
    return [pytest.param(name, marks=pytest.mark.slow) if name in slow else name for name in found]


class Subject(NamedTuple):
    """An experiment under test."""

    named: Named
    config: Any
    opened: Opened

    @property
    def identity(self) -> Identity:
        return Identity(self.named.name, config_fields(self.config), 0)

    @property
    def cadence(self) -> Cadence:
        experiment = self.opened.experiment
        return default_cadence(experiment.steps, experiment.evaluate_every)

    def run(
        self, directory: Path, cadence: Cadence | None = None, until: int | None = None
    ) -> dict[str, Any]:
        """The result, whole or so far."""
        slicing = Slicing(cadence or self.cadence, until=until)
        try:
            return launch(
                self.opened.program,
                self.identity,
                directory,
                self.opened.surroundings,
                slicing,
                Silence(),
            )
        except StoppedRun as stopped:
            return stopped.result


@contextmanager
def opened_or_skipped(named: Named, config: Any) -> Iterator[Opened]:
    """As `opened`; where its data set is not prepared here, the test is skipped."""
    with ExitStack() as stack:
        try:
            ready = stack.enter_context(opened(named, config, "auto", ROOT))
        except Mistake as missing:
            if "TFDS_DATA_DIR" not in str(missing):
                raise
            pytest.skip(f"{named.name}: its data set is not prepared here")
        yield ready


@pytest.fixture(scope="module", params=names())
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    entry = next(entry for entry in catalog() if entry.name == request.param)
    named = load(entry)
    config = named.config.smoke()
    with opened_or_skipped(named, config) as ready:
        yield Subject(named, config, ready)
