"""Few labels: an encoder that is given, frozen and then trained; and the linear probe."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.engine.experiment import Experiment, traced
from research.engine.inputs import Source
from research.errors import Mistake
from research.generative.autoencoder import Autoencoder
from research.generative.conditional import Conditional
from research.generative.few_labels import FewLabels
from research.generative.masked import Masked
from research.generative.probing import probe_accuracy
from research.options.config import make_experiment, problems_of

pytestmark = pytest.mark.usefixtures("plainly_compiled")

SMALL = {"data_set": "digits", "examples": 64, "batch_size": 16}
CONFIG = FewLabels(**SMALL, epochs=2, frozen_epochs=1)


def state_of(experiment: Experiment, seed: int, *given: Any) -> Any:
    values = traced(experiment.hyperparameters)
    return jax.jit(experiment.init)(jax.random.key(seed), values, *given)


def batch(seed: int) -> dict[str, jax.Array]:
    drawn = np.random.default_rng(seed)
    return {
        "image": jnp.asarray(drawn.integers(0, 17, (16, 8, 8, 1)), jnp.uint8),
        "label": jnp.asarray(drawn.integers(0, 10, 16)),
        "weight": jnp.ones(16),
    }


@pytest.mark.parametrize(
    "autoencoder",
    [
        Autoencoder(**SMALL, layers=(6,), code_size=3),
        Masked(**SMALL, layers=(8,), decoder_layers=(8,), code_size=4, heads=2, patch=2),
    ],
)
def test_an_encoder_that_is_given_stays_and_then_learns(autoencoder: Autoencoder) -> None:
    theirs = make_experiment(autoencoder)
    given = {"encoder": state_of(theirs, 7)}
    source = Source("generative/other", autoencoder, theirs)
    experiment = make_experiment(CONFIG, lambda config: config.make_with({"encoder": source}))
    state = state_of(experiment, 0, given)
    used = state.params["codec"]
    for name, leaf in used.items():
        jax.tree.map(np.testing.assert_array_equal, leaf, given["encoder"].params[name])
    update, moved = jax.jit(experiment.update), []
    for step in range(experiment.steps):
        after, _ = update(state, batch(step), jax.random.key(step), given)
        changed = jax.tree.map(lambda a, b: bool(jnp.any(a != b)), after.params, state.params)
        moved.append([any(jax.tree.leaves(changed[name])) for name in ("codec", "Dense_0")])
        state = after
    assert moved == [[False, True]] * 4 + [[True, True]] * 4


def test_without_an_encoder_all_layers_learn_from_the_start() -> None:
    own = Autoencoder(**SMALL, layers=(6,), code_size=3)
    experiment = make_experiment(dataclasses.replace(CONFIG, autoencoder=own, encoder=""))
    state = state_of(experiment, 0)
    after, _ = jax.jit(experiment.update)(state, batch(0), jax.random.key(0))
    assert np.any(after.params["codec"]["kernel_0"] != state.params["codec"]["kernel_0"])


def test_only_autoencoders_of_images_alone_are_taken() -> None:
    for config in (Conditional(**SMALL), CONFIG):
        experiment = make_experiment(Autoencoder(**SMALL))
        source = Source("vision/digits_cnn/0-s0", config, experiment)
        with pytest.raises(Mistake, match="vision/digits_cnn/0-s0 is none"):
            CONFIG.make_with({"encoder": source})
    words = problems_of(dataclasses.replace(CONFIG, frozen_epochs=3))
    assert any("--frozen-epochs must be at least 0 and at most" in one for one in words)


def test_a_probe_reads_classes_that_lie_apart_and_none_where_there_are_none() -> None:
    drawn = np.random.default_rng(0)
    label, test_label = drawn.integers(0, 10, 2000), drawn.integers(0, 10, 1000)
    centres = drawn.standard_normal((10, 20)).astype(np.float32)
    noise = [0.1 * drawn.standard_normal((n, 20)) for n in (2000, 1000)]
    train, test = centres[label] + noise[0], centres[test_label] + noise[1]
    assert probe_accuracy(train, label, test, test_label) > 0.99
    # Scale and place of a number do not count.
    turned = probe_accuracy(100 * train - 7, label, 100 * test - 7, test_label)
    assert turned == probe_accuracy(train, label, test, test_label)
    assert probe_accuracy(noise[0], label, noise[1], test_label) < 0.2
