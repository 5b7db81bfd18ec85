"""Next-step forecasting of endless streams, with a carried hidden state, as an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np
import optax

from research.engine.artifacts import Artifact
from research.engine.experiment import Batch, Data, Evaluation, Experiment, Hyperparameters, Key
from research.engine.metrics import Metrics, mean
from research.layers.cells import GRU
from research.layers.recurrent import Recurrent, init_uniform, recurrent
from research.optimization.descent import (
    Trained,
    WeightedLoss,
    apply_gradient,
    begin_training,
    make_gradient,
)
from research.optimization.optimizers import make_optimizer
from research.options.config import Config
from research.options.ranges import AMOUNT, COUNT, POSITIVE, Divides, Range
from research.prediction import Inputs, Outputs, Own, Predictor, Values
from research.sequence.forecasts.forecast_pictures import show_stream_forecasts
from research.sequence.forecasts.own_series import TAKES, read_series
from research.sequence.forecasts.series import held_out, make_streams


class Forecaster(NamedTuple):
    """Parameters of a GRU and a linear readout.

    Attributes:
        gru: the recurrent layer.
        readout_kernel: float32 `[units]`.
        readout_bias: float32 scalar.
    """

    gru: Recurrent
    readout_kernel: jax.Array
    readout_bias: jax.Array


class ForecasterState(NamedTuple):
    """All that the next update depends on.

    Attributes:
        params: the parameters.
        hidden: float32 `[streams, units]`, where each stream's last window left the GRU.
    """

    params: Forecaster
    opt_state: optax.OptState
    hyperparameters: Hyperparameters
    hidden: jax.Array


def init_forecaster(key: Key, units: int) -> Forecaster:
    """A GRU as `init_uniform` starts it; a readout of 0."""
    return Forecaster(init_uniform(key, GRU, 1, units), jnp.zeros(units), jnp.zeros(()))


def forecast(
    params: Forecaster, values: jax.Array, hidden: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The value that follows each value, `[batch, time]`.

    And the hidden state `[batch, units]` to go on from.
    """
    outputs, (hidden,) = recurrent(GRU, params.gru, values[..., None], (hidden,))
    return outputs @ params.readout_kernel + params.readout_bias, hidden


def window_loss(
    params: Forecaster, batch: Mapping[str, jax.Array], hidden: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Mean squared error over one window of all streams, and the hidden state after it.

    The gradient ends at the window's start, for `hidden` came from an earlier update: truncated
    back-propagation through time (Williams and Peng 1990), window by window. It is not used where a
    series starts. The batch is one of `series.make_streams`.
    """
    hidden = jnp.where(batch["starts"][:, None], 0.0, hidden)
    forecasts, hidden = forecast(params, batch["inputs"], hidden)
    return jnp.mean(jnp.square(forecasts - batch["targets"])), hidden


@dataclass(frozen=True)
class StreamForecasting(Config):
    """Options of a GRU that learns to continue noisy sums of two sines."""

    steps: Annotated[int, "updates, one window of all streams each", AMOUNT] = 3000
    streams: Annotated[int, "series that run side by side", COUNT] = 32
    groups: Annotated[
        int, "equal parts of the streams, which devices can share", COUNT, Divides(("streams",))
    ] = 8
    window: Annotated[int, "values in a window, through which gradients flow", COUNT] = 50
    # The first window of a held-out series is not measured.
    windows: Annotated[int, "windows after which a stream starts anew", Range(2)] = 10
    units: Annotated[int, "units of the GRU", COUNT] = 32
    held_out_series: Annotated[int, "series in the validation set, and in the test set", COUNT] = (
        256
    )
    learning_rate: Annotated[
        float, "Adam's step size at the start, falling by cosine", POSITIVE
    ] = 2e-2
    gradient_norm: Annotated[float, "global norm that gradients are clipped to", POSITIVE] = 1.0

    def smoke(self) -> Self:
        """Thirty small updates, which see each stream start anew several times."""
        small = replace(self, steps=30, streams=8, window=10, windows=5, units=8)
        return replace(small, held_out_series=8)

    def make(self) -> Experiment:
        """A GRU on streams of sines, one window of all streams an update."""

        def optimizer(hyperparameters: Hyperparameters) -> optax.GradientTransformation:
            return make_optimizer("adam", hyperparameters, self.steps, "cosine")

        def init(key: Key, hyperparameters: Hyperparameters) -> ForecasterState:
            params = init_forecaster(key, self.units)
            return ForecasterState(
                **begin_training(params, optimizer(hyperparameters))._asdict(),
                hyperparameters=hyperparameters,
                hidden=jnp.zeros((self.streams, self.units), jnp.float32),
            )

        def update(
            state: ForecasterState, batch: Batch, key: Key
        ) -> tuple[ForecasterState, Metrics]:
            def loss(params: Forecaster, streams: Any, key: Key) -> WeightedLoss:
                del key
                error, hidden = window_loss(params, *streams)
                return WeightedLoss(error, None, {}, statistics=error, kept=hidden)

            gradient, _, error, hidden = make_gradient(loss, self.groups)(
                state.params, (batch, state.hidden), key
            )
            trained = Trained(state.params, state.opt_state)
            trained = apply_gradient(trained, gradient, optimizer(state.hyperparameters))
            after = ForecasterState(*trained, state.hyperparameters, hidden)
            return after, {"loss": mean(error)}

        def evaluate(state: ForecasterState, batch: Batch, key: Key) -> Metrics:
            return measure_forecasts(state.params, batch, self.window)

        def predict(state: ForecasterState, inputs: Inputs) -> Outputs:
            values = inputs["values"]
            forecasts, _ = forecast(state.params, values, jnp.zeros((values.shape[0], self.units)))
            return {"mean": forecasts}

        def examples(batch: Batch) -> tuple[Inputs, np.ndarray]:
            series = np.asarray(batch["series"])
            return {"values": series[:, :-1]}, series[:, 1:]

        def read(word: str) -> Own:
            own = read_series(word, ["value"], None)
            return own._replace(inputs={"values": own.inputs["values"][..., 0]})

        def artifacts(
            state: ForecasterState, evaluation: Evaluation, key: Key
        ) -> dict[str, Artifact]:
            del key
            return show_stream_forecasts(
                forecast, state.params, next(evaluation("test")), self.units, self.window
            )

        length = self.windows * self.window
        return Experiment(
            init=init,
            update=update,
            evaluate=evaluate,
            steps=self.steps,
            items_per_step=self.streams * self.window,
            items="values",
            data=Data(
                splits={
                    "validation": held_out(1, self.held_out_series, length),
                    "test": held_out(2, self.held_out_series, length),
                },
                generate=make_streams(self.streams, self.window, self.windows),
                evaluation_batch_size=min(self.held_out_series, 256),
            ),
            groups=self.groups,
            evaluate_every=max(1, self.steps // 8),
            artifacts=artifacts,
            offers={
                "predict": Predictor(
                    apply=predict,
                    examples={"values": jax.ShapeDtypeStruct((1, length), jnp.float32)},
                    outputs=Values("value"),
                    split=examples,
                    read=read,
                    takes=TAKES,
                )
            },
        )


def measure_forecasts(params: Forecaster, batch: Mapping[str, jax.Array], window: int) -> Metrics:
    """Errors of one-step forecasts, and those of baselines.

    Counted from the second window on: by then the past determines the two sines.

    Args:
        params: the parameters.
        batch: `series` and `clean` float32 `[batch, length + 1]`, `weight` float32 `[batch]`;
            `length` is a multiple of `window`, at least two.
        window: time steps that are not counted, and after which `forgetful_mse` forgets.

    Returns:
        Mean squared errors: `mse` from the whole past; `forgetful_mse` of the same network with
        its hidden state set to 0 at each window; `naive_mse` of the last value as the forecast;
        `noise_mse` of the clean series, the floor.
    """
    series, weights = batch["series"], batch["weight"][:, None]
    values, targets = series[:, :-1], series[:, 1:]
    units = params.readout_kernel.shape[0]
    forecasts, _ = forecast(params, values, jnp.zeros((series.shape[0], units)))
    windows = values.reshape(-1, window)
    forgetful, _ = forecast(params, windows, jnp.zeros((windows.shape[0], units)))

    def error(forecasts: jax.Array) -> Any:
        return mean(jnp.square(forecasts - targets)[:, window:], weights)

    return {
        "mse": error(forecasts),
        "forgetful_mse": error(forgetful.reshape(values.shape)),
        "naive_mse": error(values),
        "noise_mse": error(batch["clean"][:, 1:]),
    }
