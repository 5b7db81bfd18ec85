"""Models in a browser: small real runs as folders, and the pages of these in Chromium."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from research.export.onnx import write_onnx
from research.export.web import write_web
from research.options.command import ROOT, Context
from research.prediction import Actions, Classes, Tokens, Translations, Values
from research.runs.reported import StateOptions, open_reported
from tests.export.web_manifests import manifest_of


class Exported(NamedTuple):
    """A model in a folder.

    Attributes:
        folder: what a browser opens.
        predict: inputs -> outputs on the host, by the run itself.
        predictor: of the run.
        experiment: of the run.
    """

    folder: Path
    predict: Callable[[Mapping[str, Any]], dict[str, np.ndarray]]
    predictor: Any
    experiment: Any


def export(
    name: str, options: Sequence[str], above: Path, examples: Sequence[Any] = ()
) -> Exported:
    """Train a model, and make the folder of it."""
    command = [
        sys.executable,
        "launch.py",
        "run",
        name,
        "--runs-dir",
        str(above / "runs"),
        *options,
    ]
    subprocess.run([*command, "--no-report"], cwd=ROOT, check=True, capture_output=True)
    chosen = StateOptions(runs_dir=str(above / "runs"))
    found = open_reported(name, chosen, Context(sys.stderr), "predict", "", with_data=True)
    predictor = found.offer
    folder, model = above / "site", above / "made.onnx"
    folder.mkdir()
    outputs = jax.eval_shape(predictor.apply, found.state, dict(predictor.examples))

    def spell(output: str) -> str:
        return f"next_{output}" if output in predictor.carried else output

    def apply(inputs: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        made = predictor.apply(found.state, inputs)
        return {spell(name): array for name, array in made.items()}

    write_onnx(apply, predictor.examples, model)
    kind, reading = _read(predictor.outputs)
    described = partial(map, lambda item: (item[0], _tensor(item[1])))
    manifest = manifest_of(
        kind,
        dict(described(predictor.examples.items())),
        dict(described((spell(name), one) for name, one in outputs.items())),
        reading,
        [*predictor.carried],
    )
    write_web(folder, model, manifest, examples=examples)
    compiled = jax.jit(partial(predictor.apply, found.state))
    return Exported(
        folder,
        lambda inputs: {name: np.asarray(one) for name, one in compiled(inputs).items()},
        predictor,
        found.experiment,
    )


def _tensor(one: jax.ShapeDtypeStruct) -> dict[str, Any]:
    return {"dtype": str(one.dtype), "shape": ["batch", *one.shape[1:]]}


def _read(outputs: Any) -> tuple[str, dict[str, Any]]:
    match outputs:
        case Classes():
            return "classes", {"classes": [*outputs.names()]}
        case Values():
            return "values", outputs._asdict()
        case Actions():
            return "actions", outputs._asdict()
        case Tokens():
            return "tokens", outputs._asdict()
        case Translations():
            both = {"source": outputs.source, "target": outputs.target}
            return "translations", {name: one.describe() for name, one in both.items()}
    raise AssertionError(outputs)


def chromium() -> str | None:
    """Where Chromium is, or its like."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


def step_by_hand(state: np.ndarray, action: int) -> np.ndarray:
    """CartPole's equations in float32, each operation rounded, sine and cosine to the nearest."""
    f = np.float32
    x, velocity, angle, spin = state
    force = f(10) * f(action) - f(10) * f(1 - action)
    cos, sin = f(np.cos(np.float64(angle))), f(np.sin(np.float64(angle)))
    temp = (force + f(0.05) * (spin * spin) * sin) / f(1.1)
    below = f(0.5) * (f(4 / 3) - f(0.1) * (cos * cos) / f(1.1))
    spinning = (f(9.8) * sin - cos * temp) / below
    moving = temp - f(0.05) * spinning * cos / f(1.1)
    tau = f(0.02)
    return np.array(
        [x + tau * velocity, velocity + tau * moving, angle + tau * spin, spin + tau * spinning], f
    )


def gymnax_steps(states: Any, actions: Any) -> tuple[jax.Array, jax.Array]:
    """What some states become by an action each, in gymnax's environment, and whether they end."""
    import gymnax

    environment, params = gymnax.make("CartPole-v1")
    key = jax.random.key(0)
    _, state = environment.reset(key, params)

    def step(row: jax.Array, action: jax.Array) -> tuple[jax.Array, jax.Array]:
        names = ("x", "x_dot", "theta", "theta_dot")
        before = state.replace(**dict(zip(names, row, strict=True)))
        after, _, _, done, _ = environment.step_env(key, before, action, params)
        return after, done

    made: tuple[jax.Array, jax.Array] = jax.jit(jax.vmap(step))(
        jnp.asarray(states, jnp.float32), jnp.asarray(actions)
    )
    return made
