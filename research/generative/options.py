"""Options that models of images share, and those of generators that another run measures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Self

from research.data.images import MNIST, DataSet, images_of
from research.engine.experiment import Experiment
from research.engine.inputs import Source
from research.options.config import Config
from research.options.ranges import COUNT, Divides, Range, RunOf


@dataclass(frozen=True)
class ImageModel(Config):
    """Options of every model of images."""

    data_set: Annotated[DataSet, "images to learn from"] = "fashion_mnist"
    examples: Annotated[int, "training images, the first of the file", COUNT] = MNIST
    epochs: Annotated[int, "passes over the training images", COUNT] = 20
    batch_size: Annotated[int, "images in a gradient", Range(1, "examples")] = 32
    groups: Annotated[
        int, "equal parts of a batch, which devices can share", COUNT, Divides(("batch_size",))
    ] = 1

    def problems(self) -> list[str]:
        """More images than there are."""
        most = images_of(self.data_set, 1).examples
        if self.examples <= most:
            return []
        return [
            f"--examples must be at most {most:,}, all that {self.data_set} has to train on, "
            f"not {self.examples:,}"
        ]


@dataclass(frozen=True)
class Generator(ImageModel):
    """Options of every generator whose images are measured in the features of another run."""

    features: Annotated[
        str, "run of a classifier whose features measure what is made", RunOf(same_data=True)
    ] = "vision/fashion_mnist_features"
    measured: Annotated[int, "images that are drawn to be measured", Range(10)] = 10_000

    @abstractmethod
    def make(self, source: Source | None = None) -> Experiment:
        """The experiment.

        Args:
            source: the run whose features measure what is made; None for a generator that nothing
                measures. With it each function takes the states of other runs as its last argument.
        """

    def make_with(self, inputs: Mapping[str, Source]) -> Experiment:
        """As `Config.make_with`."""
        return self.make(inputs.get("features"))

    def smoke(self) -> Self:
        """Fifteen updates, on the small digits: a whole split is evaluated."""
        small = replace(self, data_set="digits", epochs=1, examples=480, batch_size=32)
        return replace(small, measured=100, features="vision/digits_cnn --smoke")
