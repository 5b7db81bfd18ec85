"""The maker of classifiers: what its update and its evaluation compute."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from research.data.images import Images
from research.engine.experiment import Data
from research.engine.metrics import read
from research.options.config import make_experiment
from research.vision.classification import ImageClassification
from research.vision.models import MultilayerPerceptron, SmallCNN

pytestmark = pytest.mark.usefixtures("plainly_compiled")

VALUES = {"learning_rate": 0.1}
MODEL = MultilayerPerceptron((16,), classes=3)


def classifier(
    values=VALUES, model=MODEL, optimizer="sgd", schedule="constant", augment=None, **chosen
):
    """A run of ten updates an epoch."""

    @dataclass(frozen=True)
    class Chosen(ImageClassification):
        def model(self, images):
            return model

        def images(self):
            return Images(Data({}), 10 * self.batch_size, (4, 4, 1), white=16)

        def augmentation(self):
            return augment

        def smoke(self):
            raise NotImplementedError

    Chosen.optimizer, Chosen.schedule = optimizer, schedule
    config = Chosen(**{"epochs": 1, "batch_size": 8, "groups": 1, **chosen})
    return make_experiment(config)._replace(hyperparameters=values)


def start(experiment):
    values = {name: jnp.float32(value) for name, value in experiment.hyperparameters.items()}
    return experiment.init(jax.random.key(0), values)


def batch(weight=(1,) * 8, seed=0):
    chance = np.random.default_rng(seed)
    return {
        "image": jnp.uint8(chance.integers(0, 17, (len(weight), 4, 4, 1))),
        "label": jnp.int32(chance.integers(0, 3, len(weight))),
        "weight": jnp.float32(weight),
    }


def assert_same(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


def assert_near(one, other, tolerance=1e-6):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=tolerance), one, other)


def test_an_update_is_one_step_of_sgd_on_the_mean_cross_entropy():
    experiment, rows = classifier(), batch()
    state = start(experiment)

    def loss(params):
        logits = MODEL.apply({"params": params}, rows["image"] / 16.0, training=False)
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, rows["label"]))

    value, gradient = jax.value_and_grad(loss)(state.params)
    after, seen = experiment.update(state, rows, jax.random.key(1))
    assert_near(after.params, jax.tree.map(lambda p, g: p - 0.1 * g, state.params, gradient))
    assert after.step == 1
    assert_same(after.hyperparameters, state.hyperparameters)
    np.testing.assert_allclose(read(seen)["loss"], value, rtol=1e-5)


def test_padded_rows_count_nothing_in_update_and_evaluation():
    experiment = classifier()
    state, key = start(experiment), jax.random.key(1)
    padded = batch((1, 1, 1, 1, 1, 0, 0, 0))
    other = padded | {
        "image": padded["image"].at[5:].set(3),
        "label": padded["label"].at[5:].set((padded["label"][5:] + 1) % 3),
    }
    assert_same(experiment.update(state, padded, key), experiment.update(state, other, key))
    assert_same(experiment.evaluate(state, padded, key), experiment.evaluate(state, other, key))

    alone = {name: column[:5] for name, column in padded.items()}
    one, two = (experiment.update(state, rows, key)[0].params for rows in (padded, alone))
    assert_near(one, two)
    one, two = (read(experiment.evaluate(state, rows, key)) for rows in (padded, alone))
    assert one == pytest.approx(two, rel=1e-5)
    # The negative control: with weight, those rows do count.
    counted = other | {"weight": jnp.ones(8)}
    assert read(experiment.evaluate(state, counted, key))["loss"] != pytest.approx(one["loss"])


def test_accuracy_is_the_share_of_largest_logits():
    experiment, rows = classifier(), batch()
    state = start(experiment)
    logits = MODEL.apply({"params": state.params}, rows["image"] / 16.0, training=False)
    expected = np.mean(np.argmax(logits, -1) == rows["label"])
    seen = read(experiment.evaluate(state, rows, jax.random.key(0)))
    assert seen["accuracy"] == pytest.approx(expected)


def test_label_smoothing_is_in_the_training_loss_alone():
    rows, key = batch(), jax.random.key(1)
    plain, smooth = classifier(), classifier(VALUES | {"label_smoothing": 0.3})
    state = start(smooth)
    logits = MODEL.apply({"params": state.params}, rows["image"] / 16.0, training=False)
    log_probability = np.asarray(jax.nn.log_softmax(logits))
    target = 0.7 * np.eye(3)[np.asarray(rows["label"])] + 0.1
    expected = -np.mean(np.sum(target * log_probability, -1))
    assert read(smooth.update(state, rows, key)[1])["loss"] == pytest.approx(expected, rel=1e-5)
    assert_same(smooth.evaluate(state, rows, key), plain.evaluate(start(plain), rows, key))


def test_the_moving_average_is_kept_and_is_what_is_evaluated():
    experiment, rows, key = classifier(VALUES | {"average_decay": 0.5}), batch(), jax.random.key(1)
    before = start(experiment)
    after, _ = experiment.update(before, rows, key)
    # The decay of the first update is 1 / 10: smaller than .5.
    expected = jax.tree.map(lambda old, new: 0.1 * old + 0.9 * new, before.params, after.params)
    assert_near(after.average, expected)
    averaged = after._replace(params=jax.tree.map(jnp.zeros_like, after.params))
    assert_same(experiment.evaluate(after, rows, key), experiment.evaluate(averaged, rows, key))
    wiped = after._replace(average=jax.tree.map(jnp.zeros_like, after.average))
    assert read(experiment.evaluate(wiped, rows, key))["loss"] == pytest.approx(np.log(3), rel=1e-5)


def test_groups_change_nothing_but_rounding():
    rows, key = batch((1, 1, 1, 1, 1, 1, 0, 1)), jax.random.key(1)
    whole, parts = classifier(), classifier(groups=4)
    (one, seen), (two, also) = (e.update(start(e), rows, key) for e in (whole, parts))
    assert_near(one.params, two.params)
    assert read(seen) == pytest.approx(read(also), rel=1e-5)


def test_bfloat16_keeps_float32_parameters_and_is_near():
    rows, key = batch(), jax.random.key(1)
    exact, rough = classifier(), classifier(policy="bfloat16")
    (one, _), (two, seen) = (e.update(start(e), rows, key) for e in (exact, rough))
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(two.params))
    assert seen["loss"].total.dtype == jnp.float32
    assert_near(one.params, two.params, 1e-2)
    assert not np.array_equal(one.params["Dense_0"]["kernel"], two.params["Dense_0"]["kernel"])


def test_each_image_is_augmented_by_a_key_of_its_own_and_only_in_training():
    seen = []

    def augment(image, key, values):
        draw = jax.random.uniform(key) * values["strength"]
        jax.debug.callback(lambda value: seen.append(float(value)), draw)
        return image + draw

    experiment = classifier(VALUES | {"strength": 2.0}, augment=augment)
    state = start(experiment)
    after, _ = jax.jit(experiment.update)(state, batch(), jax.random.key(1))
    jax.effects_barrier()
    assert len(set(seen)) == 8 and max(seen) > 1
    plain = classifier()
    assert_same(
        experiment.evaluate(state, batch(), jax.random.key(0)),
        plain.evaluate(start(plain), batch(), jax.random.key(0)),
    )
    assert len(seen) == 8
    unchanged, _ = plain.update(start(plain), batch(), jax.random.key(1))
    assert not np.array_equal(
        after.params["Dense_0"]["kernel"], unchanged.params["Dense_0"]["kernel"]
    )


def test_dropout_follows_the_updates_key():
    experiment, rows = classifier(VALUES | {"dropout_rate": 0.5}), batch()
    state = start(experiment)
    one, again, other = (
        experiment.update(state, rows, jax.random.key(k))[0].params["Dense_0"]["kernel"]
        for k in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_no_array_appears_twice_in_the_state_that_is_donated():
    experiment = classifier(VALUES | {"average_decay": 0.9}, optimizer="adam")
    update = jax.jit(experiment.update, donate_argnums=0)
    state = jax.jit(experiment.init)(
        jax.random.key(0), {n: jnp.float32(v) for n, v in experiment.hyperparameters.items()}
    )
    for step in range(3):
        state, _ = update(state, batch(), jax.random.key(step))
    assert state.step == 3 and update._cache_size() == 1


def test_it_learns_what_can_be_learned():
    """The brightest third of the image names the class."""
    chance = np.random.default_rng(0)
    label = chance.integers(0, 3, 512).astype(np.int32)
    image = chance.integers(0, 9, (512, 4, 4, 1))
    for row, place in enumerate(label):
        image[row, place] += 8
    rows = {"image": jnp.uint8(image), "label": jnp.array(label), "weight": jnp.ones(512)}
    experiment = classifier(
        {"learning_rate": 1e-2}, optimizer="adam", schedule="cosine", epochs=6, batch_size=512
    )
    state = start(experiment)
    before = read(experiment.evaluate(state, rows, jax.random.key(0)))["accuracy"]
    update = jax.jit(experiment.update)
    for step in range(60):
        state, _ = update(state, rows, jax.random.key(step))
    after = read(experiment.evaluate(state, rows, jax.random.key(0)))["accuracy"]
    assert before < 0.7 and after > 0.98


def test_batch_norm_sees_a_group_at_a_time_and_keeps_the_mean_over_groups():
    """Oracle: the convolution and its statistics in NumPy's double precision."""
    model = SmallCNN(stages=((3,),), dense=(), classes=3, batch_norm=True)

    def experiment(groups):
        return classifier(model=model, groups=groups)

    rows, key = batch(), jax.random.key(1)
    state = start(experiment(2))
    kernel = np.asarray(state.params["Convolution_0"]["kernel"], np.float64)[:, :, 0]
    image = np.pad(np.asarray(rows["image"], np.float64)[..., 0] / 16, ((0, 0), (1, 1), (1, 1)))
    outputs = sum(
        image[:, i : i + 4, j : j + 4, None] * kernel[i, j] for i in range(3) for j in range(3)
    )

    def expected(groups):
        parts = outputs.reshape(groups, -1, 3)
        return {
            "mean": 0.01 * parts.mean(1).mean(0),
            "var": 0.99 + 0.01 * parts.var(1).mean(0),
        }

    for groups in (1, 2, 4):
        after, _ = experiment(groups).update(state, rows, key)
        for name, values in expected(groups).items():
            found = after.statistics["BatchNorm_0"][name]
            np.testing.assert_allclose(found, values, rtol=1e-5, atol=1e-6)
    # The variance within groups is not that of the batch: what the number of groups changes.
    assert np.abs(expected(1)["var"] - expected(4)["var"]).max() > 1e-5

    # What is evaluated with are the averages, and not the batch at hand.
    one, other = (
        experiment(2).evaluate(after._replace(statistics=kept), rows, key)
        for kept in (after.statistics, jax.tree.map(lambda leaf: leaf + 1, after.statistics))
    )
    assert read(one)["loss"] != pytest.approx(read(other)["loss"])
    alone = {name: column[:3] for name, column in rows.items()}
    first, second = (
        model.apply({"params": after.params, "batch_stats": after.statistics},
                    part["image"] / 16.0, training=False)
        for part in (rows, alone)
    )  # fmt: skip
    np.testing.assert_allclose(first[:3], second, rtol=1e-5, atol=1e-6)
