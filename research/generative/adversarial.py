"""Generative adversarial networks: a generator, a discriminator, an optimiser for each.

A step trains the discriminator `discriminator_steps` times, each time with other images, then the
generator once. A moving average of the generator is what is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from research.data.images import CLASSES, images_of
from research.data.order import steps_per_epoch
from research.engine import metrics
from research.engine.experiment import Batch, Experiment, Glimpse, Hyperparameters, Inputs, Key
from research.engine.inputs import Source
from research.engine.metrics import Metrics
from research.generative.adversarial_losses import (
    LOSSES,
    AdversarialLoss,
    gradient_penalty,
    overall,
    shares,
    squared_slopes,
)
from research.generative.adversarial_nets import DenseDiscriminator, DenseGenerator, with_classes
from research.generative.growth import Growth, Stage
from research.generative.judging import make_measures, remark_on
from research.generative.options import Generator
from research.generative.sampling import BY_CLASS, Sampler, offer_sampler
from research.layers.spectral_norm import normalise_spectrally
from research.optimization.descent import (
    Trained,
    WeightedLoss,
    apply_gradient,
    begin_training,
    make_gradient,
    update_average,
)
from research.options.ranges import AMOUNT, COUNT, FIXED, FRACTION, POSITIVE, Since

EVALUATIONS = 25
"""In a long run, about."""
HOPELESS = 0.98
"""Share of images about which the discriminator is right when the game is over."""


class AdversarialState(NamedTuple):
    """All that the next update depends on.

    Attributes:
        generator: with its optimiser.
        discriminator: with its optimiser.
        statistics: the generator's "batch_stats", running averages; empty where it keeps none.
        average: a moving average of the generator's parameters.
        step: int32 scalar, updates done.
        hyperparameters: name -> float32 scalar.
    """

    generator: Trained
    discriminator: Trained
    statistics: Any
    average: Any
    step: jax.Array
    hyperparameters: Hyperparameters


@dataclass(frozen=True)
class Adversarial(Generator):
    """Options of every adversarial generator."""

    generator: Annotated[Callable[..., Any], FIXED] = DenseGenerator
    discriminator: Annotated[Callable[..., Any], FIXED] = DenseDiscriminator
    discriminator_steps: Annotated[int, "for each step of the generator", COUNT] = 1
    code_size: Annotated[int, "numbers in a code", COUNT] = 30
    loss: Annotated[AdversarialLoss, "of both sides"] = "non_saturating"
    generator_rate: Annotated[float, "the generator's step size", POSITIVE] = 2e-4
    discriminator_rate: Annotated[float, "the discriminator's step size", POSITIVE] = 2e-4
    first_moment_decay: Annotated[float, "of Adam, in both", FRACTION] = 0.5
    penalty: Annotated[
        float, "weight of the gradient penalty of a wasserstein loss, or of --real-penalty", AMOUNT
    ] = 10.0
    real_penalty: Annotated[
        bool, "penalise the discriminator's gradient at true images (R1)", Since(False)
    ] = False
    spectral: Annotated[
        bool, "divide each kernel of the discriminator by its largest singular value", Since(False)
    ] = False
    average_decay: Annotated[float, "of the generator's moving average", FRACTION] = 0.999

    conditional: Annotated[bool, "whether both are given the class of an image"] = False

    @property
    def headline(self) -> str:
        """In the features of that classifier; without one, how well the discriminator tells."""
        if self.features:
            return "test/frechet_distance"
        return "test/wasserstein_estimate" if self.loss == "wasserstein" else "test/accuracy"

    @property
    def all_epochs(self) -> int:
        """Passes over the training images in a run."""
        return self.epochs

    def grow(self, epoch: int) -> Growth:
        """When the nets grow, in steps, of which an epoch has so many; these do not."""
        del epoch
        return Growth()

    def problems(self) -> list[str]:
        """More images than there are; too few for a step; two penalties of one weight."""
        found, rows = super().problems(), self.batch_size * self.discriminator_steps
        if rows > self.examples:
            found.append(
                f"--batch-size times --discriminator-steps must be at most {self.examples:,} "
                f"(--examples), not {rows:,}"
            )
        if self.real_penalty and self.loss == "wasserstein":
            found.append(
                "--real-penalty cannot be with --loss wasserstein, which has a gradient penalty "
                "of its own"
            )
        return found

    def make(self, source: Source | None = None) -> Experiment:
        """As `Generator.make`."""
        return make_adversarial(self, source)


def make_adversarial(config: Adversarial, source: Source | None) -> Experiment:
    """An experiment that trains a generator against a discriminator.

    Args:
        config: of both.
        source: the run whose features measure what is made, or None. With it each function takes
            the states of other runs as its last argument.
    """
    rows = config.batch_size * config.discriminator_steps
    images = images_of(config.data_set, rows, config.examples)
    epoch = steps_per_epoch(images.examples, rows)
    steps = config.all_epochs * epoch
    growth = config.grow(epoch)
    generator = config.generator(images.shape)
    discriminator = config.discriminator()
    losses = LOSSES[config.loss]

    def optimizer(values: Hyperparameters, rate: str) -> optax.GradientTransformation:
        return optax.adam(values[rate], b1=values["first_moment_decay"])

    def make_code(label: jax.Array, key: Key) -> jax.Array:
        code = jax.random.normal(key, (len(label), generator.noise_size + config.code_size))
        if not config.conditional:
            return code
        return jnp.concatenate([code, jax.nn.one_hot(label, CLASSES)], axis=1)

    def generate(
        params: Any, statistics: Any, code: jax.Array, stage: Stage
    ) -> tuple[jax.Array, Any]:
        variables = {"params": params, **({"batch_stats": statistics} if statistics else {})}
        made, changed = generator.apply(
            variables, code, training=True, mutable=["batch_stats"], **stage
        )
        return made, changed.get("batch_stats", ())

    def discriminate(params: Any, image: jax.Array, label: jax.Array, stage: Stage) -> jax.Array:
        image = with_classes(image, label, CLASSES) if config.conditional else image
        params = normalise_spectrally(params) if config.spectral else params
        logits: jax.Array = discriminator.apply({"params": params}, image, **stage)
        return logits

    def init(key: Key, values: Hyperparameters, *given: Inputs) -> AdversarialState:
        del given
        generator_key, discriminator_key, code_key = jax.random.split(key, 3)
        label = jnp.zeros(1, jnp.int32)
        variables = generator.init(generator_key, make_code(label, code_key), training=False)
        image = jnp.zeros((1, *images.shape))
        image = with_classes(image, label, CLASSES) if config.conditional else image
        params = variables["params"]
        return AdversarialState(
            begin_training(params, optimizer(values, "generator_rate")),
            begin_training(
                discriminator.init(discriminator_key, image)["params"],
                optimizer(values, "discriminator_rate"),
            ),
            variables.get("batch_stats", ()),
            # A copy: an array that appeared twice in a donated state could not be given back.
            jax.tree.map(jnp.copy, params),
            jnp.int32(0),
            values,
        )

    def update(
        state: AdversarialState, batch: Batch, key: Key, *given: Inputs
    ) -> tuple[AdversarialState, Metrics]:
        del given
        return growth.at(state.step, partial(train, state, batch, key))

    def train(
        state: AdversarialState, batch: Batch, key: Key, stage: Stage
    ) -> tuple[AdversarialState, Metrics]:
        values = state.hyperparameters

        def begin_level(trained: Trained, rate: str) -> Trained:
            if not growth.starts:
                return trained
            anew = begin_training(trained.params, optimizer(values, rate))
            begins = growth.begins(state.step)
            return jax.tree.map(lambda new, old: jnp.where(begins, new, old), anew, trained)

        def discriminator_loss(params: Any, rows: Batch, key: Key) -> WeightedLoss:
            code_key, between_key = jax.random.split(key)
            image, label = growth.blur(images.scaled(rows["image"]), stage), rows["label"]
            code = make_code(label, code_key)
            made = jax.lax.stop_gradient(
                generate(state.generator.params, state.statistics, code, stage)[0]
            )

            def logits_of(image: jax.Array) -> jax.Array:
                return discriminate(params, image, label, stage)

            true_logits, made_logits = logits_of(image), logits_of(made)
            each = losses.true(true_logits) + losses.made(made_logits)
            if config.loss == "wasserstein":
                slope = gradient_penalty(logits_of, image, made, between_key)
                each = each + values["penalty"] * slope
            if config.real_penalty:
                each = each + 0.5 * values["penalty"] * squared_slopes(logits_of, image)
            found = metrics.mean(each, rows["weight"])
            figures = overall(losses, true_logits, made_logits, rows["weight"])
            return WeightedLoss(found.total, found.weight, {"discriminator_loss": found, **figures})

        def generator_loss(params: Any, rows: Batch, key: Key) -> WeightedLoss:
            code = make_code(rows["label"], key)
            made, statistics = generate(params, state.statistics, code, stage)
            logits = discriminate(trained.params, made, rows["label"], stage)
            found = metrics.mean(losses.generator(logits), rows["weight"])
            return WeightedLoss(found.total, found.weight, {"generator_loss": found}, statistics)

        columns = {name: batch[name] for name in ("image", "label", "weight")}
        turns = config.discriminator_steps
        # Each turn takes some of every group, so that a group has one part of the batch for all.
        parts = jax.tree.map(
            lambda leaf: (
                leaf.reshape(config.groups, turns, -1, *leaf.shape[1:])
                .swapaxes(0, 1)
                .reshape(turns, -1, *leaf.shape[1:])
            ),
            columns,
        )
        *discriminator_keys, generator_key = jax.random.split(key, config.discriminator_steps + 1)

        def turn(trained: Trained, part: Any) -> tuple[Trained, Metrics]:
            rows, key_data = part
            found = make_gradient(discriminator_loss, config.groups)(
                trained.params, rows, jax.random.wrap_key_data(key_data)
            )
            transformation = optimizer(values, "discriminator_rate")
            return apply_gradient(trained, found.gradient, transformation), found.metrics

        keys = jax.random.key_data(jnp.stack(discriminator_keys))
        trained = begin_level(state.discriminator, "discriminator_rate")
        trained, measured = jax.lax.scan(turn, trained, (parts, keys))
        last = jax.tree.map(lambda leaf: leaf[-1], parts)
        found = make_gradient(generator_loss, config.groups)(
            state.generator.params, last, generator_key
        )
        made = begin_level(state.generator, "generator_rate")
        made = apply_gradient(made, found.gradient, optimizer(values, "generator_rate"))
        average = update_average(state.average, made.params, values["average_decay"], state.step)
        after = AdversarialState(made, trained, found.statistics, average, state.step + 1, values)
        return after, metrics.merge_all(measured) | found.metrics

    def draw_at(state: AdversarialState, label: jax.Array, key: Key, stage: Stage) -> jax.Array:
        kept = {"batch_stats": state.statistics} if state.statistics else {}
        made: jax.Array = generator.apply(
            {"params": state.average, **kept}, make_code(label, key), training=False, **stage
        )
        return made

    def draw(state: AdversarialState, label: jax.Array, key: Key) -> jax.Array:
        made: jax.Array = growth.at(state.step, partial(draw_at, state, label, key))
        return made

    def evaluate(state: AdversarialState, batch: Batch, key: Key, *given: Inputs) -> Metrics:
        del given
        return growth.at(state.step, partial(evaluate_at, state, batch, key))

    def evaluate_at(state: AdversarialState, batch: Batch, key: Key, stage: Stage) -> Metrics:
        image, label = growth.blur(images.scaled(batch["image"]), stage), batch["label"]
        params = state.discriminator.params
        true = discriminate(params, image, label, stage)
        made = discriminate(params, draw_at(state, label, key, stage), label, stage)
        judged = (losses, true, made, batch["weight"])
        return overall(*judged) | shares(*judged)

    def show(state: AdversarialState, key: Key, *given: Inputs) -> jax.Array:
        del key, given
        return draw(state, jnp.asarray(BY_CLASS), jax.random.key(0))

    def remark(figures: Mapping[str, float]) -> list[str]:
        accuracy, found = figures.get("test/accuracy", 0.0), remark_on(figures)
        if accuracy > HOPELESS:
            found.append(
                f"The discriminator is right about {accuracy:.1%} of images: the generator cannot "
                "deceive it, and learns little from it."
            )
        return found

    sampler = Sampler(lambda _: draw, images.classes if config.conditional else tuple)
    measures = make_measures(sampler, images, config.measured, source)
    return Experiment(
        init=init,
        update=update,
        evaluate=evaluate,
        steps=steps,
        items_per_step=rows,
        items="images",
        data=images.data,
        groups=config.groups,
        evaluate_every=epoch * max(1, config.all_epochs // EVALUATIONS),
        glimpse=Glimpse(show),
        judge=measures.judge if source else None,
        remarks=remark,
        artifacts=measures.artifacts,
        offers=offer_sampler(sampler, source),
    )
