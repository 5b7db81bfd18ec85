"""Autoencoders as experiments: an encoder, a bottleneck, a decoder, one loss.

    code = bottleneck(encode(corrupt(x)))
    loss = error(x, decode(code)) + penalty(code)

Each kind is a subclass that changes a part of this: what the encoder is given, what becomes of its
outputs, what is added to the loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np

from research.data.images import Images, images_of
from research.data.order import steps_per_epoch
from research.engine import metrics
from research.engine.artifacts import Artifact
from research.engine.experiment import Batch, Evaluation, Experiment, Glimpse, Hyperparameters, Key
from research.engine.metrics import Metrics
from research.generative.codecs import Codec, DenseCodec, MakeCodec, Shape
from research.generative.components import Components, fit_components
from research.generative.options import ImageModel
from research.generative.pictures import (
    EXAMPLES,
    MAPPED,
    Samples,
    View,
    first_images,
    show_map,
    show_paths,
    show_reconstructions,
)
from research.generative.probing import PROBED, probe_accuracy
from research.generative.reconstruction import figures_of, mean_over, measure
from research.generative.sampling import BY_CLASS, Sampler, in_blocks, offer_reconstructor
from research.optimization.descent import WeightedLoss
from research.optimization.optimizers import OptimizerName, ScheduleName
from research.optimization.supervised import Fitting, SupervisedState, Variables, make_supervised
from research.options.ranges import COUNT, FIXED, POSITIVE

EVALUATIONS = 25
"""In a long run, about."""
LossName = Literal["bce", "mse"]


class Encoded(NamedTuple):
    """Images on their way through an autoencoder in training.

    Attributes:
        encode: images -> the encoder's linear outputs.
        image: float32 `[batch, height, width, channels]` in [0, 1], as the encoder is given it.
        outputs: float32 `[batch, outputs]`, linear, of the encoder.
        code: float32 `[batch, units]`, what the decoder is given.
        weight: float32 `[batch]`, 0 for padding.
    """

    encode: Callable[[jax.Array], jax.Array]
    image: jax.Array
    outputs: jax.Array
    code: jax.Array
    weight: jax.Array


@dataclass(frozen=True)
class Autoencoder(ImageModel):
    """Options of every autoencoder."""

    net: Annotated[MakeCodec, FIXED] = DenseCodec
    layers: Annotated[
        tuple[int, ...],
        "widths of the encoder's hidden layers, from the image inwards; the decoder mirrors them",
        COUNT,
    ] = (100,)
    code_size: Annotated[int, "numbers in a code", COUNT] = 30
    loss: Annotated[LossName, "of a pixel: binary cross-entropy (nats) or squared error"] = "bce"
    optimizer: Annotated[OptimizerName, "the optimiser"] = "sgd"
    schedule: Annotated[ScheduleName, "how the learning rate follows the step"] = "constant"
    learning_rate: Annotated[float, "the optimiser's step size", POSITIVE] = 1.5

    final: ClassVar[tuple[str, ...]] = ("validation", "test")
    corrupts: ClassVar[bool] = False
    draws: ClassVar[bool] = False
    conditional: ClassVar[bool] = False
    reconstructs: ClassVar[bool] = True

    @property
    def headline(self) -> str:
        """The error of the split that the sources measure on."""
        return f"validation/{self.loss}"

    def smoke(self) -> Self:
        """Thirty updates of a narrow net."""
        return replace(self, epochs=2, examples=480, layers=(8,) * len(self.layers), code_size=4)

    def problems(self) -> list[str]:
        """Too many images; a code that is as large as an image."""
        found, pixels = super().problems(), math.prod(images_of(self.data_set, 1).shape)
        if self.code_size >= pixels:
            found.append(
                f"--code-size must be smaller than an image, {pixels} pixels, not "
                f"{self.code_size}: a code as large as the image can be the image"
            )
        return found

    def images(self) -> Images:
        """The images that it is trained and measured on."""
        return images_of(self.data_set, self.batch_size, self.examples)

    @property
    def all_epochs(self) -> int:
        """Passes over the training images in the whole run."""
        return self.epochs

    @property
    def outputs(self) -> int:
        """Linear outputs of the encoder."""
        return self.code_size

    @property
    def units(self) -> int:
        """Numbers that the decoder is given of an image."""
        return self.code_size

    @property
    def components(self) -> int:
        """Principal components of an image that its reconstruction is held against."""
        return self.code_size

    def codec(self, shape: Shape) -> Codec:
        """The net, for images of a shape."""
        codec: Codec = self.net(shape, self.layers, self.outputs, self.units)
        return codec

    def of_class(self, codec: Codec, label: jax.Array) -> Any:
        """The codec for images of classes int `[batch]`, for a model that is given them."""
        del label
        return codec

    def corrupt(self, image: jax.Array, values: Hyperparameters, key: Key) -> jax.Array:
        """What the encoder is given of images in training."""
        del values, key
        return image

    def counted(self, given: jax.Array) -> jax.Array | None:
        """Which pixels count in an error, bool, like what the encoder is given; None for all."""
        del given
        return None

    def bottleneck(self, outputs: jax.Array, values: Hyperparameters, key: Key | None) -> jax.Array:
        """The code that the decoder is given.

        Args:
            outputs: `[batch, outputs]`, linear, of the encoder.
            values: the hyper-parameters.
            key: for what is drawn in training; None in evaluation, where nothing is drawn.
        """
        del values, key
        return jax.nn.selu(outputs)

    def describe(self, codec: Codec, image: jax.Array) -> jax.Array:
        """Codes of images, `[batch, numbers]`, for whatever learns from them."""
        return self.bottleneck(codec.encode(image), {}, None)

    def penalty(self, encoded: Encoded, values: Hyperparameters) -> jax.Array:
        """What is added to the loss: of each image `[batch]`, or a scalar for them all."""
        del encoded, values
        return jnp.float32(0)

    def objective(
        self, codec: Codec, rows: Batch, key: Key, values: Hyperparameters
    ) -> WeightedLoss:
        """The loss in training.

        Args:
            codec: bound to its parameters.
            rows: `image` float32 in [0, 1], `label`, `weight`, and `step`, int32 `[batch]`, which
                is the same of all.
            key: a fresh key.
            values: the hyper-parameters.
        """
        corrupt_key, code_key = jax.random.split(key)
        image, weight = rows["image"], rows["weight"]
        given = self.corrupt(image, values, corrupt_key)
        outputs = codec.encode(given)
        code = self.bottleneck(outputs, values, code_key)
        errors = measure(image, codec.decode(code), self.counted(given))
        penalty = self.penalty(Encoded(codec.encode, given, outputs, code, weight), values)
        found = metrics.mean(getattr(errors, self.loss) + penalty, weight)
        figures = {"loss": found, **figures_of(errors, weight)}
        return WeightedLoss(found.total, found.weight, figures)

    def figures(self, codec: Codec, rows: Batch, key: Key, values: Hyperparameters) -> Metrics:
        """What is measured in evaluation; arguments as those of `objective`, without `step`."""
        del key
        code = self.bottleneck(codec.encode(rows["image"]), values, None)
        return figures_of(measure(rows["image"], codec.decode(code)), rows["weight"])

    def final_figures(self, codec: Codec, image: jax.Array, key: Key) -> dict[str, jax.Array]:
        """What is measured of the test split alone, once: name -> a number of each image."""
        del codec, image, key
        return {}

    def draw(self, codec: Codec, label: jax.Array, key: Key) -> jax.Array:
        """Logits of images `[images, height, width, channels]` that no image was given for.

        Only where `draws`.

        Args:
            codec: bound to its parameters.
            label: int `[images]`, their classes, for a model that is given them.
            key: for their codes.
        """
        raise NotImplementedError

    def pictures(self, samples: Samples, view: View) -> dict[str, Artifact]:
        """What a report shows beside reconstructions."""
        paths = show_paths(samples, view, spherical=self.draws)
        return {"paths": paths, "codes": show_map(samples, view)}

    def make(self) -> Experiment:
        """An autoencoder of these images."""
        return make_autoencoder(self)


def make_autoencoder(config: Autoencoder) -> Experiment:
    """An experiment that trains an autoencoder by the gradient of its objective."""
    images = config.images()
    epoch = steps_per_epoch(images.examples, config.batch_size)
    steps = config.all_epochs * epoch
    model = config.codec(images.shape)

    def scaled(batch: Batch) -> Batch:
        return {**batch, "image": images.scaled(batch["image"])}

    def init_model(key: Key) -> Variables:
        image, code = jnp.zeros((1, *images.shape)), jnp.zeros((1, config.units))
        return model.init(key, image, code)

    def loss(variables: Variables, rows: Batch, key: Key, values: Hyperparameters) -> WeightedLoss:
        codec = config.of_class(model.bind(variables), rows["label"])
        return config.objective(codec, scaled(rows), key, values)

    fitting = Fitting(steps, config.optimizer, config.schedule, groups=config.groups)
    fitted = make_supervised(init_model, loss, fitting)

    def update(state: SupervisedState, batch: Batch, key: Key) -> tuple[SupervisedState, Metrics]:
        rows = {name: batch[name] for name in ("image", "label", "weight")}
        rows["step"] = jnp.full(len(batch["weight"]), state.step)
        return fitted.update(state, rows, key)

    def evaluate(state: SupervisedState, batch: Batch, key: Key) -> Metrics:
        codec = config.of_class(model.bind(fitted.reported(state)), batch["label"])
        return config.figures(codec, scaled(batch), key, state.hyperparameters)

    def components(evaluation: Evaluation) -> Components:
        return fit_components(evaluation("train"), config.components, images.white)

    @jax.jit
    def final_figures(state: SupervisedState, image: jax.Array, key: Key) -> dict[str, jax.Array]:
        return config.final_figures(model.bind(fitted.reported(state)), images.scaled(image), key)

    def described(
        state: SupervisedState, batches: Iterable[Batch], count: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Codes of the first images of a split, and their classes."""
        codec = model.bind(fitted.reported(state))
        describe = jax.jit(lambda image: config.describe(codec, images.scaled(image)))
        image, label = first_images(batches, count)
        return in_blocks(describe)(image), label

    def judge(state: SupervisedState, evaluation: Evaluation, key: Key) -> dict[str, float]:
        batches = [*evaluation("test")]
        found = [
            final_figures(state, batch["image"], jax.random.fold_in(key, at))
            for at, batch in enumerate(batches)
        ]
        weight = np.concatenate([batch["weight"] for batch in batches], dtype=np.float64)
        figures = {
            f"test/{name}": float(weight @ np.concatenate([one[name] for one in found]))
            / float(weight.sum())
            for name in found[0]
        }
        if not config.conditional:
            figures["test/probe_accuracy"] = probe_accuracy(
                *described(state, evaluation("train"), PROBED),
                *described(state, evaluation("test"), images.examples),
            )
        plane = components(evaluation)
        return figures | {
            f"{split}/pca_mse": mean_over(
                evaluation(split),
                lambda image: np.mean((plane.project(image) - image) ** 2, axis=(1, 2, 3)),
                images.white,
            )
            for split in config.final
        }

    def artifacts(state: SupervisedState, evaluation: Evaluation, key: Key) -> dict[str, Artifact]:
        split = config.final[0]
        stored, label = first_images(evaluation(split), MAPPED)
        samples = Samples(np.asarray(images.scaled(jnp.asarray(stored))), label, images.classes())
        values = state.hyperparameters
        codec = model.bind(fitted.reported(state))

        def encode(image: jax.Array) -> jax.Array:
            """Codes of the first samples."""
            outputs = config.of_class(codec, jnp.asarray(label[: len(image)])).encode(image)
            return config.bottleneck(outputs, values, None)

        view = View(
            on_host(encode),
            on_host(lambda code: jax.nn.sigmoid(codec.decode(code))),
            on_host(lambda image: config.corrupt(image, values, key)),
        )
        image = samples.image[:EXAMPLES]
        rows = [("image", image)]
        if config.corrupts:
            rows.append(("what the encoder is given", view.corrupt(image)))
        rows.append(("reconstruction", view.decode(view.encode(rows[-1][1]))))
        plane = components(evaluation)
        rows.append((f"{config.components} principal components", plane.project(image)))
        title = f"Reconstructions of the {split} split"
        reconstructions = show_reconstructions(title, samples, rows)
        return {"reconstructions": reconstructions, **config.pictures(samples, view)}

    def draw(state: SupervisedState, label: jax.Array, key: Key) -> jax.Array:
        return jax.nn.sigmoid(config.draw(model.bind(fitted.reported(state)), label, key))

    def show(state: SupervisedState, key: Key) -> jax.Array:
        del key
        return draw(state, jnp.asarray(BY_CLASS), jax.random.key(0))

    def reconstruct(state: SupervisedState, image: jax.Array, label: jax.Array) -> jax.Array:
        codec = config.of_class(model.bind(fitted.reported(state)), label)
        code = config.bottleneck(codec.encode(image), state.hyperparameters, None)
        return jax.nn.sigmoid(codec.decode(code))

    offers: dict[str, Any] = {}
    if config.reconstructs:
        offers |= offer_reconstructor(reconstruct, images, conditional=config.conditional)
    if config.draws:
        offers["sampler"] = Sampler(lambda _: draw, images.classes if config.conditional else tuple)
    return Experiment(
        init=fitted.init,
        update=update,
        evaluate=evaluate,
        steps=steps,
        items_per_step=config.batch_size,
        items="images",
        data=images.data,
        groups=config.groups,
        evaluate_every=epoch * max(1, config.all_epochs // EVALUATIONS),
        final=config.final,
        judge=judge,
        artifacts=artifacts,
        glimpse=Glimpse(show) if config.draws else None,
        offers=offers,
    )


def on_host(function: Callable[[jax.Array], jax.Array]) -> Callable[[np.ndarray], np.ndarray]:
    """The function, compiled, whose result is on the host."""
    compiled = jax.jit(function)
    return lambda array: np.asarray(compiled(array))
