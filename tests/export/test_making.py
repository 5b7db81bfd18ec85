"""Exported models: whole and verified in their folder, or not there at all."""

import hashlib
import runpy
from dataclasses import replace
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.data.sources.arrays import ArraySource
from research.engine.experiment import Data, Experiment
from research.errors import Difference, Mistake, Stopped
from research.export.forms import way_of
from research.export.making import export_model
from research.export.manifest import Tensor, read
from research.export.trials import Model, make_trials
from research.export.verification import Watcher
from research.prediction import Classes, Predictor
from tests.export.manifests import DIGITS

pytestmark = pytest.mark.usefixtures("plainly_compiled")

ROWS = 40


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, planted=0.0):
        x = nn.relu(nn.Dense(8, name="first")(x))
        return nn.Dense(3, name="second")(x + planted)


@pytest.fixture(scope="module")
def model():
    net = Net()
    state = net.init(jax.random.key(0), jnp.zeros((1, 4)))
    rows = np.random.default_rng(0).integers(0, 16, (ROWS, 4), np.uint8)

    def apply(state, inputs):
        return {"probability": jax.nn.softmax(net.apply(state, inputs["x"] / 16.0))}

    predictor = Predictor(
        apply=apply,
        examples={"x": jax.ShapeDtypeStruct((1, 4), jnp.uint8)},
        outputs=Classes(lambda: ("a", "b", "c")),
        split=lambda batch: ({"x": batch["x"]}, None),
        read=lambda word: None,
        takes="",
    )
    source = ArraySource("rows", {"x": rows})
    none = lambda *_: None  # noqa: E731
    experiment = Experiment(
        none, none, none, 1, 1, "rows", data=Data({"test": source}, evaluation_batch_size=16)
    )
    return Model(experiment, predictor, state)


@pytest.fixture
def watcher():
    return Watcher(lambda *_: None, lambda: None, lambda process: None)


DRAFT = replace(
    DIGITS, form="stablehlo", inputs={"x": Tensor("uint8", ("batch", 4))}, verification=None
)


@pytest.mark.slow
def test_what_is_published_was_verified_and_runs_without_encore(model, watcher, tmp_path):
    target = tmp_path / "deep" / "net"
    made = export_model(model, DRAFT, target, watcher, way=way_of("stablehlo"))
    assert made == read(target)
    names = ["load.py", "manifest.json", "model.stablehlo"]
    assert sorted(path.name for path in target.iterdir()) == names
    assert [path.name for path in target.parent.iterdir()] == ["net"]
    content = (target / "model.stablehlo").read_bytes()
    assert made.sha256 == hashlib.sha256(content).hexdigest()
    checked = made.verification
    assert (
        checked.on == f"the test split, {ROWS} examples"
        and checked.same == "every most probable class"
    )
    assert checked.largest["probability"] < 1e-6
    assert made.platforms == ("cpu", "cuda", "tpu")
    # What a user does: of any number of rows.
    load = runpy.run_path(str(target / "load.py"))["load"]
    rows = make_trials(model)[0].inputs
    expected = jax.jit(model.apply)(rows)["probability"]
    np.testing.assert_allclose(load(target)(rows)["probability"], expected, atol=1e-6)


@pytest.mark.parametrize("form", ["stablehlo", pytest.param("onnx", marks=pytest.mark.slow)])
def test_a_difference_is_not_published_and_its_layer_is_named(model, watcher, tmp_path, form):
    way = way_of(form)

    def add_to_second(call, arguments, options, context):
        made = call(*arguments, **options)
        return made + 1e-3 * jnp.arange(3.0) if context.module.name == "second" else made

    def write(apply, examples, path):
        with nn.intercept_methods(add_to_second):
            return way.write(apply, examples, path)

    with pytest.raises(Difference) as caught:
        export_model(model, DRAFT, tmp_path / "net", watcher, way=way._replace(write=write))
    says = str(caught.value)
    assert "nothing was published" in says and "in batches of 1" in says
    assert "The first layer that differs is Net/second, by" in says
    assert not [*tmp_path.iterdir()]


def test_what_cannot_be_written_or_is_stopped_leaves_nothing(model, watcher, tmp_path):
    def fail(apply, examples, path):
        path.write_bytes(b"half")
        raise ValueError("there is no such operation as sort, in the layer Net/first")

    way = way_of("stablehlo")
    with pytest.raises(Mistake, match="export: there is no such operation as sort"):
        export_model(model, DRAFT, tmp_path / "net", watcher, way=way._replace(write=fail))

    def stop():
        raise Stopped("stopped")

    stopping = watcher._replace(check=stop)
    with pytest.raises(Stopped):
        export_model(model, DRAFT, tmp_path / "net", stopping, way=way)
    assert not [*Path(tmp_path).iterdir()]
