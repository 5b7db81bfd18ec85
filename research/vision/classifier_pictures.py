"""Pictures of an image classifier for a report: examples, mistakes, filters, feature maps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from research.engine.artifacts import Artifact, Confusion, Images
from research.engine.experiment import Batch, Key

EXAMPLES = 16
"""Examples in a report, and mistakes."""
FILTERS = 64
"""First-layer filters in a report at most."""
SURVEYED = 10_000
"""Examples put through the classifier, about: no batch is begun after so many."""
MAPS = 16
"""Feature maps of a stage in a report at most."""


class Predictions(NamedTuple):
    """Examples with their predictions.

    Attributes:
        image: `[examples, height, width, channels]`, as in the data.
        label: int `[examples]`.
        probability: float32 `[examples, classes]`.
    """

    image: np.ndarray
    label: np.ndarray
    probability: np.ndarray

    def take(self, which: Any) -> Predictions:
        """The examples at `which`."""
        return Predictions(*(column[which] for column in self))

    @property
    def predicted(self) -> np.ndarray:
        """The most probable class, int `[examples]`."""
        return self.probability.argmax(axis=1)


class Survey(NamedTuple):
    """The predictions of a classifier on a split.

    Attributes:
        examples: how many there are.
        whole: whether these are all of the split.
        first: the examples of the first batch.
        worst: the mistakes to whose true class the least probability was given, worst first.
    """

    examples: int
    whole: bool
    first: Predictions
    worst: Predictions


def survey(
    probabilities: Callable[[jax.Array], jax.Array],
    batches: Iterable[Batch],
    keep: int = EXAMPLES,
    surveyed: int = SURVEYED,
) -> Survey | None:
    """Put the examples of a split through a classifier, keeping few; None of an empty split.

    Args:
        probabilities: image as in the data, `[batch, ...]` -> `[batch, classes]`.
        batches: with `image`, `label` and `weight`; an example of weight 0 is left out.
        keep: how many mistakes are kept.
        surveyed: no batch is begun after so many examples.
    """
    first, worst = None, None
    examples, whole = 0, True
    for batch in batches:
        if examples >= surveyed:
            whole = False
            break
        real = np.asarray(batch["weight"]) > 0
        chosen = Predictions(
            np.asarray(batch["image"]),
            np.asarray(batch["label"]),
            np.asarray(probabilities(batch["image"])),
        ).take(real)
        examples += len(chosen.label)
        first = chosen if first is None else first
        mistakes = chosen.take(chosen.predicted != chosen.label)
        if worst is not None:
            mistakes = Predictions(*map(np.concatenate, zip(worst, mistakes, strict=True)))
        given = mistakes.probability[np.arange(len(mistakes.label)), mistakes.label]
        worst = mistakes.take(np.argsort(given, kind="stable")[:keep])
    if first is None or worst is None or not len(first.label):
        return None
    return Survey(examples, whole, first, worst)


def make_pictures(
    model: nn.Module,
    probabilities: Callable[[Any, jax.Array], jax.Array],
    variables: Mapping[str, Any],
    batches: Iterable[Batch],
    key: Key,
    *,
    split: str,
    classes: Sequence[str],
    white: int,
    scaled: Callable[[jax.Array], jax.Array],
) -> dict[str, Artifact]:
    """The pictures of a classifier.

    Args:
        model: whose submodules' outputs are drawn.
        probabilities: (variables, image as in the data) -> `[batch, classes]`.
        variables: of the model, its `params` among them.
        batches: of the split, with `image`, `label` and `weight`.
        key: chooses the examples.
        split: its name.
        classes: names of the classes.
        white: the pixel value drawn as white.
        scaled: image as in the data -> the model's input.
    """
    predict = jax.jit(probabilities)
    found = survey(lambda image: predict(variables, image), batches)
    made: dict[str, Artifact] = {}
    example = None
    if found is not None:
        order = np.asarray(jax.random.permutation(key, len(found.first.label)))
        drawn = found.first.take(order[:EXAMPLES])
        example = drawn.take(slice(0, 1))
        made["examples"] = show(f"Examples of the {split} split", drawn, classes, white)
        if len(found.worst.label):
            number = "all" if found.whole else "the first"
            note = (
                f"Of {number} {found.examples:,} examples, the mistakes whose true class has the "
                "least probability."
            )
            made["mistakes"] = show("The worst mistakes", found.worst, classes, white, note)
        made["confusion"] = Confusion("Confusion matrix", f"{split}/confusion", tuple(classes))
    image = None if example is None else scaled(jnp.asarray(example.image))
    filters = first_filters(variables["params"], None if image is None else tuple(image.shape[1:]))
    if filters is not None:
        made["filters"] = filters
    if image is not None and example is not None:
        made |= feature_maps(model, variables, image, classes[int(example.label[0])])
    return made


def show(
    title: str, chosen: Predictions, classes: Sequence[str], white: int, note: str = ""
) -> Images:
    """Examples with their predicted classes and probabilities."""
    captions, wrong = [], []
    for label, probability in zip(chosen.label, chosen.probability, strict=True):
        best = int(probability.argmax())
        wrong.append(best != int(label))
        caption = f"{classes[best]}: {_percent(probability[best])}"
        if wrong[-1]:
            truth = f"{classes[int(label)]}: {_percent(probability[int(label)])}"
            caption = f"{caption}; is {truth}"
        captions.append(caption)
    images = _without_single_channel(chosen.image)
    return Images(title, images, 0.0, float(white), tuple(captions), tuple(wrong), note=note)


def _percent(probability: Any) -> str:
    value = 100 * float(probability)
    return f"{value:.0f}\u00a0%" if 1 <= value <= 99 else f"{value:.1f}\u00a0%"


def _without_single_channel(images: np.ndarray) -> np.ndarray:
    return images[..., 0] if images.shape[-1] == 1 else images


def first_filters(params: Any, image_shape: tuple[int, ...] | None) -> Images | None:
    """The filters of the first layer: a convolution's, or a dense layer's laid out as images.

    None where the parameters have neither, or images of two, or of more than three channels. Leaves
    named `kernel` are `[rows, columns, inputs, outputs]` or `[inputs, outputs]`; where no shape of
    an image is given only convolutions are found.
    """
    leaves = jax.tree_util.tree_flatten_with_path(params)[0]
    kernels = [np.asarray(leaf) for path, leaf in leaves if _is_kernel(path)]
    channels = (1, 3) if image_shape is None else image_shape[-1:]
    found = [kernel for kernel in kernels if kernel.ndim == 4 and kernel.shape[2] in channels]
    what = "convolution"
    if not found and image_shape is not None:
        size = int(np.prod(image_shape))
        flat = [kernel for kernel in kernels if kernel.ndim == 2 and kernel.shape[0] == size]
        found = [kernel.reshape(*image_shape, -1) for kernel in flat]
        what = "dense layer"
    if not found or found[0].shape[2] not in (1, 3):
        return None
    kernel = np.moveaxis(found[0].astype(np.float32), -1, 0)
    images = _without_single_channel(kernel[:FILTERS])
    high = float(np.abs(images).max()) or 1.0
    number = f"The first {len(images)} of {len(kernel)}" if len(kernel) > FILTERS else "All"
    note = f"{number} filters of the first {what}, on one scale: ±{high:.2g}."
    return Images("First-layer filters", images, -high, high, signed=True, note=note)


def _is_kernel(path: Any) -> bool:
    return str(getattr(path[-1], "key", "")) == "kernel"


def feature_maps(
    model: nn.Module, variables: Mapping[str, Any], image: jax.Array, label: str
) -> dict[str, Artifact]:
    """The output of each submodule that has an image for one, on one example, stage after stage.

    The image is `[1, height, width, channels]`, as the model is called; its label is for people.
    """

    def outputs(variables: Any, image: jax.Array) -> Any:
        _, collections = model.apply(
            variables,
            image,
            training=False,
            capture_intermediates=lambda module, method: method == "__call__",
            mutable=["intermediates"],
        )
        return collections["intermediates"]

    leaves = jax.tree_util.tree_flatten_with_path(jax.jit(outputs)(variables, image))[0]
    found: dict[str, Artifact] = {}
    for path, leaf in leaves:
        maps = np.asarray(leaf, np.float32)
        # Submodules alone: the model's own output is the logits.
        if maps.ndim != 4 or maps.shape[0] != 1 or len(path) < 3:
            continue
        name = str(getattr(path[0], "key", path[0]))
        channels_ = np.moveaxis(maps[0], -1, 0)[:MAPS]
        high = float(np.abs(channels_).max()) or 1.0
        channels = maps.shape[-1]
        number = f"{len(channels_)} of the" if len(channels_) < channels else "All"
        side = "before" if maps.min() < 0 else "after"
        note = (
            f"{number} {channels} channels, {maps.shape[1]} × {maps.shape[2]}, of "
            f"the example “{label}” (the first above), {side} the non-linearity; ±{high:.2g}."
        )
        stage = len(found) + 1
        found[f"maps_{stage:02}"] = Images(
            f"Feature maps {stage}: {name}", channels_, -high, high, signed=True, note=note
        )
    return found
