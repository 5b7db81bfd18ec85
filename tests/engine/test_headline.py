"""The rule by which one figure stands for a run."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.engine.selection import KINDS, headline, larger_is_better, matching
from research.options.catalog import ROOT
from tests.figures import named


def recorded_names():
    return {
        path.parent.parent.relative_to(ROOT / "records").as_posix(): list(
            json.loads(path.read_text())["metrics"]
        )
        for path in sorted((ROOT / "records").glob("*/*/*/result.json"))
    }


EXPECTED = {
    "autodiff/adbench": ("reverse/operations", None),
    "autodiff/chapter": ("largest_error", False),
    "autodiff/checkpointing": ("different_numbers", None),
    "autodiff/cost": ("largest_ratio", None),
    "autodiff/difference": ("largest_factor", None),
    "autodiff/digits": ("test/accuracy", True),
    "autodiff/kinks": ("nested", None),
    "tour/arrays": ("unexpected", None),
    "tour/compilation": ("update/fewer", None),
    "tour/custom": ("validation/loss", False),
    "tour/devices": ("groups/digests", None),
    "tour/huber": ("validation/loss", False),
    "tour/parts": ("unlike", None),
    "tour/pruned": ("test/loss", False),
    "tour/tracing": ("unexpected", None),
    "tour/written": ("loop/different", None),
    "vision": ("test/accuracy", True),
    "generative": ("validation/bce", False),
    "generative/dcgan": ("test/frechet_distance", False),
    "generative/ddpm": ("test/frechet_distance", False),
    "generative/digits_stacked": ("validation/mse", False),
    "generative/digits_vae": ("validation/elbo", True),
    "generative/gan_dense": ("test/frechet_distance", False),
    "generative/linear": ("points/mse", False),
    "generative/flow_matching": ("test/frechet_distance", False),
    "generative/mnist": ("test/nll", False),
    "generative/pretrain_few_labels": ("validation/accuracy", True),
    "generative/progressive": ("test/frechet_distance", False),
    "generative/variational": ("validation/elbo", True),
    "generative/wasserstein_gp": ("test/frechet_distance", False),
    "data": ("test/accuracy", True),
    "data/california": ("test/mse", False),
    "data/fashion": ("validation/accuracy", True),
    "rl": ("evaluation/episode_return", True),
    # No episode is played in planning, and what a table should hold is known.
    "rl/three": ("q_s0_a0", None),
    "rl/frozen_lake_value_iteration": ("start_value", None),
    "sequence": ("test/mse", False),
    "sequence/ridership": ("validation/mae", False),
    "sequence/char": ("validation/loss", False),
    "sequence/imdb": ("test/accuracy", True),
    "sequence/reber": ("test/accuracy", True),
    "sequence/dates": ("test/whole", True),
    "sequence/translate": ("validation/accuracy", True),
}
"""Of each field, of the first word of an experiment's name in it, or of one experiment."""


@pytest.mark.parametrize(("experiment", "names"), sorted(recorded_names().items()))
def test_the_figure_of_an_experiment_is_the_one_that_matters(experiment, names):
    kind, field = experiment.partition("_")[0], experiment.partition("/")[0]
    name, larger = EXPECTED.get(experiment) or EXPECTED.get(kind) or EXPECTED[field]
    assert headline(names, named(experiment).config.headline) == name
    assert larger_is_better(name) is larger


def test_splits_before_kinds_before_spelling():
    assert headline(["train/accuracy", "validation/loss"]) == "validation/loss"
    assert headline(["validation/accuracy", "test/loss"]) == "test/loss"
    assert headline(["test/loss", "test/top_1_accuracy"]) == "test/top_1_accuracy"
    assert headline(["test/naive_mse", "test/mse", "test/a_mse"]) == "test/mse"
    assert headline(["train/norm", "extra/norm"]) == "extra/norm"
    assert headline(["test/norm", "train/loss"]) == "test/norm"
    assert headline(["test/accuracy", "test/bits", "validation/loss"]) == "test/bits"
    assert headline(["q_s0_a0", "evaluation/bellman_residual"]) == "evaluation/bellman_residual"
    assert headline(["validation/mae", "test/mae", "test/whole_seconds"]) == "test/mae"
    assert headline(["reported_step"]) is None and headline([]) is None


def test_a_figure_that_is_named_goes_before_the_rule_where_there_is_one():
    names = ["test/accuracy", "test/whole", "start_value"]
    assert headline(names, "test/whole") == "test/whole"
    assert headline(names, "start_value") == "start_value", "whatever it is called"
    assert headline(names, "test/mse") == headline(names) == headline(names, "") == "test/accuracy"
    assert headline([], "test/whole") is None


def test_directions():
    assert larger_is_better("test/stochastic_episode_return") is True
    assert larger_is_better("test/log_likelihood") is True
    assert larger_is_better("test/negative_log_likelihood") is False
    assert larger_is_better("test/classification_error") is False
    assert larger_is_better("test/norm") is None
    assert larger_is_better("test/inaccuracy") is None


names = st.lists(
    st.builds(
        "{}/{}".format,
        st.sampled_from(["train", "test", "validation", "evaluation", "other"]),
        st.sampled_from([*KINDS, "norm", "my_loss", "naive_mse"]),
    ),
    unique=True,
)


@given(names, st.randoms())
def test_the_order_of_names_does_not_matter(names, chance):
    shuffled = list(names)
    chance.shuffle(shuffled)
    assert headline(shuffled) == headline(names)
    assert (headline(names) is None) == (not names)


def test_words_for_a_metric():
    names = ["train/accuracy", "validation/accuracy", "test/accuracy", "test/loss"]
    assert matching("test/loss", names) == ["test/loss"]
    assert (
        matching("accuracy", names)[0] == "test/accuracy" and len(matching("accuracy", names)) == 3
    )
    assert matching("acc", names) == []
