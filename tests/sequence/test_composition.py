"""Models of chorales: windows, what is counted, and that notes one by one are notes all at once."""

from __future__ import annotations

import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax

from experiments.sequence.bach_chorales import config
from research.data.feed import open_feed
from research.engine.experiment import traced
from research.errors import Mistake
from research.options.config import make_experiment, problems_of
from research.sequence.characters.writing import Sampling, write
from research.sequence.chorales import composition
from research.sequence.chorales.chorale_net import ChoraleNet
from research.sequence.chorales.chords import Notes
from research.sequence.chorales.composition import WHOLE, chorale_source, cut_windows
from tests.sequence.chorales import made_up

pytestmark = pytest.mark.usefixtures("plainly_compiled")


@pytest.fixture(scope="module")
def trained():
    """An experiment on made-up chorales, and a state with weights that make a difference."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(composition, "read_chorales", made_up)
        experiment = make_experiment(replace(config.smoke(), shift=8))
    values = traced(experiment.hyperparameters)
    state = jax.jit(experiment.init)(jax.random.key(0), values)
    # At the start all notes are about as likely.
    louder = jax.tree.map(lambda leaf: 3 * leaf, state.params)
    return experiment, state._replace(params=louder)


def test_windows_are_those_of_the_book():
    """A loop over starts, as `window(33, shift=16, drop_remainder=True)` of tf.data has it."""
    chorales = [np.arange(4 * n).reshape(n, 4) for n in (33, 32, 80, 5, 49)]
    windows = cut_windows(chorales, 33, 16)
    expected = []
    for chorale in chorales:
        start = 0
        while start + 33 <= len(chorale):
            expected.append(chorale[start : start + 33])
            start += 16
    np.testing.assert_array_equal(windows, expected)
    assert len(windows) == 1 + 3 + 2


def test_the_notes_of_a_source_are_the_chords_padded_at_the_end():
    chords = [np.full((2, 4), 36), np.full((3, 4), 81)]
    source = chorale_source("train", chords, Notes(36, 81))
    columns = source.load()
    assert columns["note"].tolist() == [8 * [1] + 4 * [0], 12 * [46]]
    assert columns["note/count"].tolist() == [8, 12]
    other = chorale_source("train", [chord - 1 for chord in chords], Notes(35, 80))
    assert other.digest() != source.digest(), "the same tokens that stand for other notes"


def test_a_note_does_not_know_of_those_after_it_and_knows_those_before():
    net = ChoraleNet(47, "gru", 8, 5, True)
    notes = jax.random.randint(jax.random.key(1), (2, 40), 0, 47)
    variables = jax.jit(net.init)(jax.random.key(0), notes[:, :1])
    apply = jax.jit(lambda notes: net.apply(variables, notes)[0])
    changed = notes.at[:, 20].set((notes[:, 20] + 1) % 47)
    one, other = apply(notes), apply(changed)
    np.testing.assert_array_equal(one[:, :20], other[:, :20])
    assert (one[:, 20:] != other[:, 20:]).any(axis=(0, 2)).all()


@pytest.mark.parametrize(("cell", "pieces"), [("gru", 40 * [1]), ("lstm", [7, 1, 20, 12])])
def test_notes_in_pieces_are_notes_all_at_once(cell, pieces):
    net = ChoraleNet(47, cell, 8, 5, True)
    notes = jax.random.randint(jax.random.key(1), (2, 40), 0, 47)
    variables = jax.jit(net.init)(jax.random.key(0), notes[:, :1])
    apply = jax.jit(net.apply)
    whole, last = apply(variables, notes)
    memory, found, forgetful = None, [], []
    for piece in np.split(np.asarray(notes), np.cumsum(pieces)[:-1], axis=1):
        logits, memory = apply(variables, piece, memory or net.resting(2))
        found.append(logits)
        forgetful.append(apply(variables, piece)[0])
    np.testing.assert_allclose(np.concatenate(found, axis=1), whole, atol=2e-5)
    for one, other in zip(jax.tree.leaves(memory), jax.tree.leaves(last), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)
    assert np.abs(np.concatenate(forgetful, axis=1) - whole).max() > 1e-2


def test_figures_are_means_over_notes_and_those_of_the_held_chord_stand_beside(trained):
    experiment, state = trained
    batch = next(iter(open_feed(experiment.data).evaluation("test")))
    # One row counts: the others are no different.
    batch = {**batch, "weight": batch["weight"].at[1:].set(0)}
    writer, _ = experiment.offers["composer"]
    read, memory, notes = jax.jit(writer.read), writer.resting(1), np.asarray(batch["note"])[0]
    nats, hits = [], []
    for before, note in itertools.pairwise(notes):
        memory, logits = read(state, memory, jnp.array([[before]], jnp.int32))
        nats.append(-log_softmax(np.asarray(logits[0], np.float64))[note])
        hits.append(np.argmax(logits[0]) == note)
    measured = jax.jit(experiment.evaluate)(state, batch, jax.random.key(0))
    found = {name: float(total / weight) for name, (total, weight) in measured.items()}
    assert found["loss"] == pytest.approx(np.mean(nats), rel=1e-5)
    assert found["accuracy"] == pytest.approx(np.mean(hits), rel=1e-6)
    assert found["held_accuracy"] == pytest.approx(np.mean(notes[4:] == notes[:-4]), rel=1e-6)


def test_the_loss_of_chords_is_of_whole_chorales_without_what_fills_them_up(trained):
    experiment, state = trained
    feed = open_feed(experiment.data)
    found = experiment.judge(jax.device_get(state), feed.evaluation, jax.random.key(0))
    source = experiment.data.splits[WHOLE].load()
    writer, _ = experiment.offers["composer"]

    def nats_of(notes):
        """Reading note by note, of all but the first chord."""

        def one(memory, pair):
            memory, logits = writer.read(state, memory, pair[0][None, None])
            return memory, jax.nn.logsumexp(logits[0]) - logits[0, pair[1]]

        _, nats = jax.lax.scan(one, writer.resting(1), (notes[:-1], notes[1:]))
        return nats[3:]

    sums = chords = 0
    for notes, count in zip(source["note"], source["note/count"], strict=True):
        nats = np.asarray(jax.jit(nats_of)(jnp.asarray(notes, jnp.int32)), np.float64)
        sums, chords = sums + nats[: count - 4].sum(), chords + (count - 4) / 4
    assert found == {"test/chord_loss": pytest.approx(sums / chords, rel=1e-5)}


def test_a_chorale_is_that_of_its_key_and_begins_as_some_training_chorale(trained):
    experiment, state = trained
    composer = experiment.offers["composer"]
    compose = jax.jit(composition.make_compose(composer))
    one, again, other = (compose(state, jax.random.key(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    chords = composer.writer.vocabulary.decode(one)
    assert chords.shape == (65, 4)
    assert (composer.openings == chords[0]).all(axis=1).any()


def test_greedy_writing_takes_the_likeliest_note_after_all_before_each_time(trained):
    experiment, state = trained
    writer, openings = experiment.offers["composer"]
    opening = writer.vocabulary.encode(openings[:1], "it").tolist()
    parts = write(writer, state, np.array([opening]), 12, Sampling(0.0), jax.random.key(0))
    notes = opening + np.concatenate([*parts], axis=1)[0].tolist()
    small = config.smoke()
    net = ChoraleNet(len(writer.vocabulary), small.cell, small.units, small.embedding, True)
    variables = {"params": state.params, "batch_stats": state.statistics}
    logits, _ = jax.jit(net.apply)(variables, jnp.array([notes[:-1]]))
    likeliest = np.argmax(logits[0], axis=-1).tolist()
    assert notes[4:] == likeliest[3:]
    assert len(set(notes[4:])) > 1, "a single note would not tell"


def test_fewer_windows_than_a_batch_has_are_refused(monkeypatch):
    monkeypatch.setattr(composition, "read_chorales", made_up)
    with pytest.raises(Mistake, match=r"have \d+ windows of 57 chords, fewer than --batch-size 32"):
        make_experiment(replace(config, window=56))


def test_windows_that_begin_off_the_beat_have_no_places():
    (problem,) = problems_of(replace(config, shift=6))
    assert "--shift 6" in problem and "multiple of 4" in problem
    assert not problems_of(config) and not problems_of(replace(config, shift=6, places=False))
