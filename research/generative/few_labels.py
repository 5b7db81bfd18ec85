"""A classifier of few labels that begins with the encoder of an autoencoder, or without."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from research.data.images import CLASSES, images_of
from research.data.order import steps_per_epoch
from research.data.own_pictures import TAKES, read_picture
from research.engine.experiment import Batch, Experiment, Hyperparameters, Inputs, Key
from research.engine.inputs import Source
from research.engine.metrics import Metrics
from research.errors import Mistake
from research.generative.autoencoder import Autoencoder
from research.generative.codecs import Codec
from research.generative.options import ImageModel
from research.optimization.descent import WeightedLoss, loss_and_accuracy
from research.optimization.optimizers import OptimizerName, ScheduleName
from research.optimization.supervised import Fitting, SupervisedState, Variables, make_supervised
from research.options.ranges import COUNT, FIXED, POSITIVE, Range, RunOf
from research.prediction import Classes, Outputs, Predictor
from research.prediction import Inputs as PredictorInputs

EVALUATIONS = 10
"""In a run, about."""
PLAIN = Autoencoder()
"""Whose net is used where no run is named."""


class EncoderClassifier(nn.Module):
    """Logits of an image by two dense layers on its code.

    Attributes:
        codec: whose encoder is used.
        describe: as `Autoencoder.describe`.
        hidden: units of the first of the two.
    """

    codec: Codec
    describe: Callable[[Codec, jax.Array], jax.Array]
    hidden: int

    @nn.compact
    def __call__(self, image: jax.Array, frozen: jax.Array | bool) -> jax.Array:
        """Images in [0, 1] -> `[batch, classes]`; no gradient reaches an encoder that is frozen."""
        code = self.describe(self.codec, image)
        code = jnp.where(frozen, jax.lax.stop_gradient(code), code)
        return nn.Dense(CLASSES)(nn.selu(nn.Dense(self.hidden)(code)))


@dataclass(frozen=True)
class FewLabels(ImageModel):
    """Options. The net is that of the autoencoder; without one, the experiment's own.

    Source: Géron, 2nd edition, chapter 17, "Unsupervised pretraining using stacked autoencoders".
    """

    autoencoder: Annotated[Autoencoder, FIXED] = PLAIN
    encoder: Annotated[
        str, "run of an autoencoder whose encoder it begins with", RunOf(same_data=True)
    ] = "generative/convolutional"
    examples: Annotated[int, "labelled images, the first of the file", COUNT] = 500
    epochs: Annotated[int, "passes over the labelled images", COUNT] = 50
    frozen_epochs: Annotated[
        int,
        "of these, passes at the start in which an encoder that is given stays as it is",
        Range(0, "epochs"),
    ] = 30
    hidden: Annotated[int, "units of the dense layer between code and classes", COUNT] = 20
    optimizer: Annotated[OptimizerName, "the optimiser"] = "adam"
    schedule: Annotated[ScheduleName, "how the learning rate follows the step"] = "constant"
    learning_rate: Annotated[float, "the optimiser's step size", POSITIVE] = 1e-3

    @property
    def headline(self) -> str:
        """Of the split that the source measures on."""
        return "validation/accuracy"

    def smoke(self) -> Self:
        """Six updates on the small digits."""
        return replace(
            self,
            data_set="digits",
            encoder="generative/digits_stacked --smoke" if self.encoder else "",
            examples=96,
            epochs=2,
            frozen_epochs=1,
        )

    def make(self, source: Source | None = None) -> Experiment:
        """The classifier; each function takes the states of other runs last if one is given."""
        return make_few_labels(self, source)

    def make_with(self, inputs: Mapping[str, Source]) -> Experiment:
        """As `Config.make_with`."""
        return self.make(inputs.get("encoder"))


def make_few_labels(config: FewLabels, source: Source | None) -> Experiment:
    """An experiment that trains a classifier on few labels.

    Args:
        config: of the classifier.
        source: the run of an autoencoder, or None.

    Raises:
        Mistake: that run is no autoencoder of images alone.
    """
    autoencoder = config.autoencoder if source is None else source.config
    if not isinstance(autoencoder, Autoencoder) or autoencoder.conditional:
        assert source is not None
        raise Mistake(
            "--encoder must name a run of an autoencoder that is given images alone, such as "
            f"generative/convolutional: {source.run} is none"
        )
    images = images_of(config.data_set, config.batch_size, config.examples)
    epoch = steps_per_epoch(images.examples, config.batch_size)
    steps = config.epochs * epoch
    frozen = config.frozen_epochs * epoch if source else 0
    model = EncoderClassifier(autoencoder.codec(images.shape), autoencoder.describe, config.hidden)

    def loss_of(variables: Variables, rows: Batch, frozen: jax.Array | bool) -> WeightedLoss:
        logits = model.apply(variables, images.scaled(rows["image"]), frozen)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, rows["label"])
        return loss_and_accuracy(
            losses, jnp.argmax(logits, axis=1) == rows["label"], rows["weight"]
        )

    def loss(variables: Variables, rows: Batch, key: Key, values: Hyperparameters) -> WeightedLoss:
        del key, values
        return loss_of(variables, rows, rows["step"][0] < frozen)

    def init_model(key: Key) -> Variables:
        return model.init(key, jnp.zeros((1, *images.shape)), False)

    fitting = Fitting(steps, config.optimizer, config.schedule, groups=config.groups)
    fitted = make_supervised(init_model, loss, fitting)

    def init(key: Key, values: Hyperparameters, *given: Inputs) -> SupervisedState:
        state = fitted.init(key, values)
        if not given:
            return state
        theirs = given[0]["encoder"].params
        encoder = {name: theirs[name] for name in state.params["codec"]}
        return state._replace(params={**state.params, "codec": encoder})

    def update(
        state: SupervisedState, batch: Batch, key: Key, *given: Inputs
    ) -> tuple[SupervisedState, Metrics]:
        del given
        rows = {name: batch[name] for name in ("image", "label", "weight")}
        rows["step"] = jnp.full(len(batch["weight"]), state.step)
        return fitted.update(state, rows, key)

    def evaluate(state: SupervisedState, batch: Batch, key: Key, *given: Inputs) -> Metrics:
        del key, given
        return loss_of(fitted.reported(state), batch, False).metrics

    def predict(state: SupervisedState, inputs: PredictorInputs) -> Outputs:
        logits = model.apply(fitted.reported(state), images.scaled(inputs["image"]), False)
        return {"probability": jax.nn.softmax(logits)}

    predictor = Predictor(
        apply=predict,
        examples={"image": jax.ShapeDtypeStruct((1, *images.shape), jnp.uint8)},
        outputs=Classes(images.classes),
        split=lambda batch: ({"image": batch["image"]}, np.asarray(batch["label"])),
        read=lambda file: read_picture(file, images.shape, images.white),
        takes=TAKES,
    )
    return Experiment(
        init=init,
        update=update,
        evaluate=evaluate,
        steps=steps,
        items_per_step=config.batch_size,
        items="images",
        data=images.data,
        groups=config.groups,
        evaluate_every=epoch * max(1, config.epochs // EVALUATIONS),
        final=("validation", "test"),
        offers={"predict": predictor if source is None else lambda _: predictor},
    )
