"""The experiments on differentiation: their figures, and that what they look for can be found."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest

from experiments.autodiff import (
    chapter_function,
    checkpointing,
    cost_of_gradients,
    difference_steps,
    digits_mlp_four_ways,
    kinks,
)
from research.autodiff import differences
from research.autodiff.operations import strip
from research.options.config import make_experiment
from research.study import Study, spell_table

pytestmark = pytest.mark.usefixtures("plainly_compiled")
DIGITS = {
    "train": {"image": np.arange(640).reshape(10, 8, 8, 1) % 17, "label": np.arange(10)},
    "test": {"image": np.arange(640).reshape(10, 8, 8, 1) % 13, "label": np.arange(10)},
}


def drawn(config: Study) -> np.ndarray:
    return jax.device_get(config.draw(jax.random.key(0)))


def figures_of(config: Study, data=None) -> dict[str, float]:
    return dict(config.find(drawn(config), data or {}).figures)


def test_a_study_is_an_experiment_whose_state_is_what_was_drawn() -> None:
    experiment = make_experiment(checkpointing.config.smoke())
    state = jax.device_get(experiment.init(jax.random.key(3), {}))
    assert experiment.steps == 0 and state.value["recurrent"].shape == (8, 8)
    assert experiment.judge(state, None, None) == experiment.judge(state, None, None)


def test_the_chapters_numbers() -> None:
    found = figures_of(chapter_function.config)
    names = ("value", "x", "y", "xx", "xy", "yy", "largest_error")
    assert [found[name] for name in names] == [42, 24, 10, 8, 6, 0, 0]
    # As the book prints them.
    assert found["forward_difference/x"] == 24.000400000048216
    assert found["forward_difference/y"] == 10.000000000047748


def test_an_error_of_any_way_would_be_seen(monkeypatch) -> None:
    monkeypatch.setattr(chapter_function, "EXACT", (42.0, 24.0, 10.0, 8.0, 6.0, 1e-9))
    assert figures_of(chapter_function.config)["largest_error"] == 1e-9


def test_every_best_step_is_near_where_theory_puts_it(monkeypatch) -> None:
    found = figures_of(difference_steps.config)
    assert found["largest_factor"] < 3
    for dtype in difference_steps.DTYPES:
        for method in ("forward", "central", "richardson"):
            assert found[f"{dtype}/{method}/theory"] == differences.best_step(dtype, method)
    # The control: the step of another method.
    monkeypatch.setattr(difference_steps, "theory", lambda dtype, _: 1e-8)
    assert figures_of(difference_steps.config)["largest_factor"] > 1000


def test_costs_grow_with_inputs_but_not_in_reverse_mode() -> None:
    few, many = (cost_of_gradients.costs_by_inputs(n)[1:] for n in (8, 64))
    assert many[0] / few[0] == pytest.approx(8, rel=0.2)
    assert many[1] / few[1] == pytest.approx(8, rel=0.2)
    assert many[2] <= few[2] <= cost_of_gradients.BOUND
    few, many = (cost_of_gradients.costs_by_outputs(n)[1:] for n in (8, 64))
    assert many[:2] == pytest.approx(few[:2]) and many[2] > 7 * few[2]


def test_checkpointing_changes_no_bit_and_a_step_that_is_not_pure_is_seen(monkeypatch) -> None:
    config = checkpointing.config.smoke()
    found = figures_of(config)
    assert found["different_numbers"] == found["unlike_jax"] == 0
    assert found["binomial_10/kept"] == 10 and found["keep_all/kept"] == 50
    advance, calls = checkpointing.step, []

    def forgetful(params, state, number):
        calls.append(number)
        return advance(params, state, number) * (1 + 1e-15 * (len(calls) % 7))

    monkeypatch.setattr(checkpointing, "step", forgetful)
    assert figures_of(config)["different_numbers"] > 0


def test_perturbations_are_confused_by_one_epsilon_alone() -> None:
    found = figures_of(kinks.config)
    assert (found["nested"], found["one_epsilon"], found["unlike_jax"]) == (1, 2, 2)
    assert (found["abs/reverse"], found["abs/jax"], found["max/reverse"]) == (0, 1, 0.5)


def test_all_ways_train_the_same_net_and_a_wrong_gradient_by_hand_is_seen(monkeypatch) -> None:
    config = digits_mlp_four_ways.config.smoke()
    found = figures_of(config, DIGITS)
    assert all(found[f"{way}/different"] == 0 for way in [*digits_mlp_four_ways.WAYS][1:])
    assert found["forward/passes"] == 64 * 2 + 2 + 2 * 10 + 10
    assert found["reverse/operations"] < cost_of_gradients.BOUND < found["forward/operations"]

    def wrong(params, batch):
        return digits_mlp_four_ways.by_hand(params, batch) * (1 + 1e-6)

    ways = {**digits_mlp_four_ways.WAYS, "by_hand": wrong}
    monkeypatch.setattr(digits_mlp_four_ways, "WAYS", ways)
    found = figures_of(config, DIGITS)
    assert found["reverse/different"] > 0 and found["forward/different"] > 0


def test_the_gradient_by_hand_is_that_of_jax_for_any_number_of_units() -> None:
    for units in (1, 5):
        config = dataclasses.replace(digits_mlp_four_ways.config, units=units)
        params = drawn(config).astype(float)
        batch = digits_mlp_four_ways.batch_of(DIGITS["train"])
        with jax.enable_x64(True):
            theirs = digits_mlp_four_ways.WAYS["jax"](params, batch)
        np.testing.assert_allclose(strip(digits_mlp_four_ways.by_hand(params, batch)), theirs,
                                   rtol=1e-12, atol=1e-15)  # fmt: skip


def test_a_table_has_words_to_the_left_and_numbers_to_the_right() -> None:
    table = spell_table(("way", "what", "f"), [("a", "xyz", 1.0), ("long", "x", 24.0004)])
    assert table.split("\n") == [
        "way   what        f",
        "a     xyz         1",
        "long  x     24.0004",
    ]
