"""Dates: what they become, and that what is measured of a translator is counted as it says."""

from __future__ import annotations

import datetime
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.sequence import dates_attention, dates_encoder_decoder
from research.engine.keys import stream
from research.options.config import make_experiment, problems_of
from research.sequence.translations.dates import FIRST, LAST, SIZES, make_dates, spell
from research.sequence.translations.translation import prediction_loss, written_metrics
from research.sequence.translations.translator import Method, translate, write_targets

pytestmark = pytest.mark.usefixtures("plainly_compiled")


def test_a_date_is_spelled_both_ways():
    assert spell(datetime.date(2019, 4, 22)) == ("April 22, 2019", "2019-04-22")
    assert spell(datetime.date(1000, 12, 1)) == ("December 01, 1000", "1000-12-01")


def test_splits_share_no_day_and_hold_what_they_say():
    pair, sources = make_dates()
    days = {}
    for split, source in sources.items():
        columns = source.load()
        assert columns["source"].shape == (SIZES[split], 18)
        assert columns["target"].shape == (SIZES[split], 11)
        human = [pair.source.decode(row) for row in columns["source"][:300]]
        machine = [pair.target.decode(row) for row in columns["target"]]
        for text, iso in zip(human, machine, strict=False):
            # Python's own reader of dates, which shares nothing with ours.
            read = datetime.datetime.strptime(text, "%B %d, %Y").date()
            assert read == datetime.date.fromisoformat(iso) and FIRST <= read <= LAST
        days[split] = {*machine}
        assert len(days[split]) == SIZES[split]
    assert days["train"].isdisjoint(days["test"] | days["validation"])
    assert days["validation"].isdisjoint(days["test"])
    assert make_dates()[1]["test"].digest() == sources["test"].digest()
    assert make_dates(1)[1]["test"].digest() != sources["test"].digest()


def test_symbols_are_counted_where_there_are_any():
    target = jnp.array([[5, 2, 0], [4, 5, 2], [5, 5, 2]])
    logits = jax.nn.one_hot(jnp.array([[5, 4, 0], [4, 5, 2], [0, 0, 0]]), 6) * 5
    found = prediction_loss(logits, target, jnp.array([1.0, 1.0, 0.0])).metrics
    assert float(found["accuracy"].total) == 4 and float(found["accuracy"].weight) == 5
    right, wrong = (np.log(np.exp(5) + 5) - shown for shown in (5, 0))
    assert float(found["loss"].total) == pytest.approx(4 * right + wrong, rel=1e-5)
    # What is said where there is only padding is of no account.
    padded = logits.at[0, 2].set(7 * jnp.arange(6))
    other = prediction_loss(padded, target, jnp.array([1.0, 1.0, 0.0])).metrics
    assert float(other["loss"].total) == pytest.approx(float(found["loss"].total))


def test_a_whole_text_is_right_if_all_of_it_is():
    target = jnp.array([[5, 2, 0], [4, 5, 2], [4, 4, 2], [4, 2, 0]])
    made = jnp.array([[5, 2, 0], [4, 4, 2], [4, 4, 4], [4, 2, 0]])
    found = written_metrics(made, target, jnp.array([1.0, 1.0, 1.0, 0.0]))
    assert float(found["whole"].total) == 1 and float(found["whole"].weight) == 3
    assert float(found["symbols_right"].total) == 6 and float(found["symbols_right"].weight) == 8


@pytest.mark.parametrize("module", [dates_attention, dates_encoder_decoder])
def test_what_is_out_of_range_is_refused(module):
    config = module.config
    assert problems_of(config) == [] == problems_of(config.smoke())
    wrong = replace(config, epochs=-1, batch_size=0, units=0, learning_rate=0.0)
    assert len(problems_of(wrong)) == 4


def test_a_subclass_says_where_the_writer_looks():
    experiment = make_experiment(dates_attention.config.smoke())
    assert experiment.offers["translator"].net.attention == "multiplicative"
    experiment = make_experiment(dates_encoder_decoder.config.smoke())
    assert experiment.offers["translator"].net.attention == "none"


def test_an_untrained_net_is_wrong_and_evaluation_says_so_of_its_own_texts():
    experiment = make_experiment(dates_attention.config.smoke())
    values = {name: jnp.float32(value) for name, value in experiment.hyperparameters.items()}
    state = jax.jit(experiment.init)(jax.random.key(0), values)
    translator, test = experiment.offers["translator"], experiment.data.splits["test"].load()
    batch = {name: jnp.asarray(column[:4]) for name, column in test.items()}
    batch["weight"] = jnp.ones(4)
    told = jax.jit(experiment.evaluate)(state, batch, jax.random.key(0))
    assert float(told["whole"].total) == 0
    texts = [translator.pair.source.decode(row) for row in test["source"][:4]]
    made = translate(translator, state, texts, Method(), stream(0, "sample"))
    variables = translator.reported(state)
    numbers = write_targets(translator.net, variables, batch["source"], 11).tokens
    assert [some[0][0] for some in made] == [translator.pair.target.decode(row) for row in numbers]
    right = (numbers == batch["target"]).sum()
    assert int(right) == float(told["symbols_right"].total) > 0
