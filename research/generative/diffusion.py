"""Diffusions and flows: a net learns to predict along a path from noise, and samplers go back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Literal, Self

import jax
import jax.numpy as jnp
import numpy as np

from research.data.images import CLASSES, images_of
from research.data.order import steps_per_epoch
from research.engine import metrics
from research.engine.experiment import Batch, Experiment, Glimpse, Hyperparameters, Inputs, Key
from research.engine.inputs import Source
from research.engine.metrics import Metrics
from research.generative.denoisers import UNet
from research.generative.judging import make_measures, remark_on
from research.generative.noising import (
    Parts,
    PathName,
    Target,
    clipped,
    parts_of,
    place_at,
    step_back,
    target_of,
)
from research.generative.options import Generator
from research.generative.sampling import BY_CLASS, Sampler, Way, offer_sampler
from research.optimization.descent import WeightedLoss
from research.optimization.supervised import Fitting, SupervisedState, Variables, make_supervised
from research.options.ranges import (
    AMOUNT,
    COUNT,
    FIXED,
    FRACTION,
    POSITIVE,
    STEPS,
)

SamplerName = Literal["ddim", "ddpm", "euler", "heun"]
EVALUATIONS = 10
"""In a long run, about."""
STATIONS = 9
"""Of an image on its way from noise, for a report."""


@dataclass(frozen=True)
class Diffusion(Generator):
    """Options of every diffusion and flow."""

    net: Annotated[Callable[..., Any], FIXED] = UNet
    channels: Annotated[
        int, "width of the net: channels of a U-Net's largest images, or of a token", COUNT
    ] = 32
    path: Annotated[PathName, "from an image to noise"] = "cosine"
    target: Annotated[Target, "what the net predicts"] = "v"
    sampler: Annotated[SamplerName, "how one goes back: ddpm draws at each step"] = "ddim"
    sampling_steps: Annotated[int, "on the way from noise to an image", STEPS] = 50
    conditional: Annotated[bool, "whether the net is given the class of an image"] = False
    guidance: Annotated[
        float, "how far beyond the prediction without a class one goes; 1 is just with it", AMOUNT
    ] = 1.0
    label_dropout: Annotated[
        float, "share of images that are trained without their class", FRACTION
    ] = 0.1
    learning_rate: Annotated[float, "Adam's largest step size, falling by cosine", POSITIVE] = 1e-3
    average_decay: Annotated[float, "of the parameters' moving average", FRACTION] = 0.999

    @property
    def headline(self) -> str:
        """In the features of that classifier; without one, the error of predictions."""
        return "test/frechet_distance" if self.features else "test/loss"

    def smoke(self) -> Self:
        """With a narrow net, and few steps."""
        return replace(super().smoke(), channels=8, sampling_steps=2)

    def problems(self) -> list[str]:
        """More images than there are; guidance without classes; a sampler of another path."""
        found = super().problems()
        if self.guidance != 1 and not self.conditional:
            found.append(
                f"--guidance {self.guidance:g} needs classes to guide by: add --conditional yes"
            )
        straight, flow = self.path == "straight", self.sampler in ("euler", "heun")
        if straight != flow:
            fit = "euler or heun" if straight else "ddim or ddpm"
            found.append(f"--sampler must be {fit} on a {self.path} path, not {self.sampler}")
        return found

    def make(self, source: Source | None = None) -> Experiment:
        """As `Generator.make`."""
        return make_diffusion(self, source)


def make_diffusion(config: Diffusion, source: Source | None) -> Experiment:
    """An experiment that trains a net to predict along a path, and draws images by it.

    Args:
        config: of both.
        source: the run whose features measure what is made, or None. With it each function takes
            the states of other runs as its last argument.
    """
    images = images_of(config.data_set, config.batch_size, config.examples)
    epoch = steps_per_epoch(images.examples, config.batch_size)
    steps = config.epochs * epoch
    model = config.net(width=config.channels, classes=CLASSES if config.conditional else 0)

    def predict(
        variables: Variables, mixed: jax.Array, time: jax.Array, label: jax.Array
    ) -> jax.Array:
        predicted: jax.Array = model.apply(variables, mixed, time, label)
        return predicted

    def errors(variables: Variables, rows: Batch, label: jax.Array, key: Key) -> jax.Array:
        time_key, noise_key = jax.random.split(key)
        image = 2.0 * images.scaled(rows["image"]) - 1.0
        time = jax.random.uniform(time_key, (len(image),))
        place = place_at(config.path, time[:, None, None, None])
        parts = Parts(image, jax.random.normal(noise_key, image.shape))
        mixed = place.signal * image + place.noise * parts.noise
        wanted = target_of(config.target, parts, place)
        return jnp.mean((predict(variables, mixed, time, label) - wanted) ** 2, (1, 2, 3))

    def loss(variables: Variables, rows: Batch, key: Key, values: Hyperparameters) -> WeightedLoss:
        drop_key, key = jax.random.split(key)
        dropped = jax.random.bernoulli(drop_key, values["label_dropout"], rows["label"].shape)
        label = jnp.where(dropped, CLASSES, rows["label"])
        found = metrics.mean(errors(variables, rows, label, key), rows["weight"])
        return WeightedLoss(found.total, found.weight, {"loss": found})

    def init_model(key: Key) -> Variables:
        one = jnp.zeros(1)
        return model.init(key, jnp.zeros((1, *images.shape)), one, one.astype(jnp.int32))

    fitting = Fitting(steps, "adam", "cosine", groups=config.groups)
    fitted = make_supervised(init_model, loss, fitting)

    def init(key: Key, values: Hyperparameters, *given: Inputs) -> SupervisedState:
        del given
        return fitted.init(key, values)

    def update(
        state: SupervisedState, batch: Batch, key: Key, *given: Inputs
    ) -> tuple[SupervisedState, Metrics]:
        del given
        rows = {name: batch[name] for name in ("image", "label", "weight")}
        return fitted.update(state, rows, key)

    def evaluate(state: SupervisedState, batch: Batch, key: Key, *given: Inputs) -> Metrics:
        del given
        found = errors(fitted.reported(state), batch, batch["label"], key)
        return {"loss": metrics.mean(found, batch["weight"])}

    def go_back(
        way: Way, state: SupervisedState, label: jax.Array, key: Key, *, keep: bool = False
    ) -> tuple[jax.Array, jax.Array | None]:
        variables, trained = fitted.reported(state), state.hyperparameters["guidance"]
        guidance = trained if way.guidance is None else jnp.float32(way.guidance)
        sampling_steps = way.steps or config.sampling_steps

        def parts_at(mixed: jax.Array, time: jax.Array) -> Parts:
            times = jnp.full(len(mixed), time)
            predicted = predict(variables, mixed, times, label)
            if config.conditional:
                plain = predict(variables, mixed, times, jnp.full_like(label, CLASSES))
                predicted = plain + guidance * (predicted - plain)
            place = place_at(config.path, time)
            return clipped(parts_of(config.target, predicted, mixed, place), mixed, place)

        def step(mixed: jax.Array, turn: jax.Array) -> tuple[jax.Array, jax.Array | None]:
            now = 1.0 - turn / sampling_steps
            then = 1.0 - (turn + 1) / sampling_steps
            places = place_at(config.path, now), place_at(config.path, then)
            eta = 1.0 if config.sampler == "ddpm" else 0.0
            drawn = jax.random.fold_in(key, turn)
            parts = parts_at(mixed, now)
            after = step_back(parts, mixed, *places, eta, drawn)
            if config.sampler == "heun":
                # The mean of both ends' velocities; at the end of the path there is none.
                later = parts_at(after, then)
                slopes = parts.noise - parts.image, later.noise - later.image
                mean = mixed + (then - now) * 0.5 * (slopes[0] + slopes[1])
                after = jnp.where(then > 0.0, mean, after)
            return after, after if keep else None

        noise_key, key = jax.random.split(key)
        noise = jax.random.normal(noise_key, (len(label), *images.shape))
        made, course = jax.lax.scan(step, noise, jnp.arange(sampling_steps))
        return made, course

    def draw(way: Way, state: SupervisedState, label: jax.Array, key: Key) -> jax.Array:
        return jnp.clip(0.5 * (go_back(way, state, label, key)[0] + 1.0), 0.0, 1.0)

    def show_course(state: SupervisedState, label: jax.Array, key: Key) -> jax.Array:
        _, course = go_back(Way(), state, label, key, keep=True)
        assert course is not None
        turns = np.linspace(0, config.sampling_steps - 1, min(STATIONS, config.sampling_steps))
        return jnp.clip(0.5 * (course[np.rint(turns).astype(int)] + 1.0), 0.0, 1.0)

    def show(state: SupervisedState, key: Key, *given: Inputs) -> jax.Array:
        del key, given
        return draw(Way(), state, jnp.asarray(BY_CLASS), jax.random.key(0))

    classes = images.classes if config.conditional else tuple
    sampler = Sampler(lambda way: partial(draw, way), classes, show_course)
    measures = make_measures(sampler, images, config.measured, source)
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
        glimpse=Glimpse(show),
        judge=measures.judge if source else None,
        remarks=remark_on,
        artifacts=measures.artifacts,
        offers=offer_sampler(sampler, source),
    )
