"""A file in ONNX Runtime is what jitted JAX is, for each kind of net; what cannot be is named."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import pytest

from research.engine import keys
from research.engine.experiment import traced
from research.export.onnx import OPSET, NotInOnnx, write_onnx
from research.layers.convolution import convolve
from research.layers.convolution_block import convolution_block, winograd_pays
from research.options.catalog import catalog, load
from research.prediction import Predictor
from research.sequence.translations.encoder_decoder import EncoderDecoder
from research.sequence.translations.transformer_translator import TransformerTranslator
from research.sequence.translations.translator import write_targets
from tests.export.onnx_checks import (
    differences,
    differences_of,
    draw_inputs,
    run_file,
    trained_like,
)
from tests.reproducibility.conftest import opened_or_skipped

pytestmark = pytest.mark.usefixtures("plainly_compiled")

CLOSE = 1e-5
LETTERS = {"vocabulary": {"symbols": "\n abcdefghijklmnopqrstuvwxyz", "lower": True}}
REFUSED = {"rl/frozen_lake_muzero": "random_bits"}
"""The library that searches draws noise even where it counts for nothing."""
FAST = ("vision/digits_cnn", "sequence/char_rnn_stateful", "rl/cartpole_ppo")


def closed(experiment):
    """The predictor's function of inputs alone, and its inputs; the memory after has names.

    And inputs that an environment gives: which of its states there are is not in their dtype.
    """
    predictor = experiment.offers["predict"]
    values = traced(experiment.hyperparameters)
    shapes = jax.eval_shape(experiment.init, keys.stream(0, "init"), values)
    state = trained_like(shapes)

    def apply(inputs):
        made = predictor.apply(state, inputs)
        return {f"next_{name}" if name in inputs else name: one for name, one in made.items()}

    if predictor.meet is None or predictor.carried:
        return apply, predictor.examples, {}
    begun = jax.jit(experiment.init)(keys.stream(0, "init"), values)
    return apply, predictor.examples, jax.device_get(predictor.meet(begun, 7))


def named(name):
    return load(next(entry for entry in catalog() if entry.name == name))


def check(apply, examples, given, path):
    found = differences(apply, examples, path / "it.onnx", given)
    assert found == pytest.approx(dict.fromkeys(found, 0.0), abs=CLOSE)


@pytest.mark.parametrize("name", FAST)
def test_a_file_is_the_function_at_any_size_of_batch(name, tmp_path):
    one = named(name)
    kept = LETTERS if name.startswith("sequence/char") else None
    experiment = one.make(one.config if kept else one.config.smoke(), kept)
    check(*closed(experiment), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", [entry.name for entry in catalog()])
def test_every_experiment_that_predicts_becomes_a_file(name, tmp_path):
    one = named(name)
    with opened_or_skipped(one, one.config.smoke()) as opened:
        if not isinstance(opened.experiment.offers.get("predict"), Predictor):
            pytest.skip("it predicts nothing, or with the state of another run")
        if name in REFUSED:
            with pytest.raises(NotInOnnx, match=REFUSED[name]):
                check(*closed(opened.experiment), tmp_path)
        else:
            check(*closed(opened.experiment), tmp_path)


@pytest.mark.parametrize(
    "net",
    [
        EncoderDecoder(12, 12, 8, 8, attention="multiplicative"),
        pytest.param(
            EncoderDecoder(12, 12, 8, 8, bidirectional=True, attention="additive"),
            marks=pytest.mark.slow,
        ),
        pytest.param(TransformerTranslator(12, 12, 8, 2, 16, 2, 6), marks=pytest.mark.slow),
    ],
    ids=["multiplicative", "additive", "transformer"],
)
def test_a_translators_loop_writes_the_same_tokens(net, tmp_path):
    one = jnp.ones((1, 1), jnp.int32)
    variables = trained_like(jax.eval_shape(net.init, jax.random.key(0), one, one))

    def apply(inputs):
        return {"tokens": write_targets(net, variables, inputs["source"], 6).tokens}

    examples = {"source": jax.ShapeDtypeStruct((1, 5), jnp.int32)}
    assert differences(apply, examples, tmp_path / "it.onnx") == {"tokens": 0}
    written = run_file(tmp_path / "it.onnx", draw_inputs(examples, 32))["tokens"]
    # The control: it does not write one thing for all.
    assert len(np.unique(written, axis=0)) > 1


def one_layer(weight):
    def apply(inputs):
        return {"y": jnp.tanh(inputs["x"] @ weight)}

    return apply


def test_a_file_of_other_weights_is_found_out(tmp_path):
    examples = {"x": jax.ShapeDtypeStruct((1, 4), jnp.float32)}
    weight = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)
    other = weight.copy()
    other[2, 1] += 1e-3
    write_onnx(one_layer(other), examples, tmp_path / "it.onnx")
    assert differences_of(tmp_path / "it.onnx", one_layer(weight), examples)["y"] > CLOSE
    assert differences_of(tmp_path / "it.onnx", one_layer(other), examples)["y"] <= CLOSE / 10


def test_a_file_has_its_names_its_batch_and_its_weights_within(tmp_path):
    weight = jnp.ones((4, 3))
    examples = {
        "second": jax.ShapeDtypeStruct((1, 4), jnp.float32),
        "first": jax.ShapeDtypeStruct((1, 3), jnp.float32),
    }
    write_onnx(
        lambda given: {"sum": given["first"] + given["second"] @ weight}, examples,
        tmp_path / "it.onnx",
    )  # fmt: skip
    assert [file.name for file in tmp_path.iterdir()] == ["it.onnx"]
    model = onnx.load(tmp_path / "it.onnx", load_external_data=False)

    def declared(values):
        return {
            one.name: [axis.dim_param or axis.dim_value for axis in one.type.tensor_type.shape.dim]
            for one in values
        }

    assert declared(model.graph.input) == {"second": ["batch", 4], "first": ["batch", 3]}
    assert [one.name for one in model.graph.input] == [*examples]
    assert declared(model.graph.output) == {"sum": ["batch", 3]}
    assert [(one.domain, one.version) for one in model.opset_import] == [("", OPSET)]
    assert {node.domain for node in model.graph.node} == {""}
    first = (tmp_path / "it.onnx").read_bytes()
    write_onnx(
        lambda given: {"sum": given["first"] + given["second"] @ weight}, examples,
        tmp_path / "it.onnx",
    )  # fmt: skip
    assert (tmp_path / "it.onnx").read_bytes() == first


def test_a_convolution_is_one_on_every_platform(tmp_path):
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(3, 3, 64, 64)).astype(np.float32) / 24
    bias = rng.normal(size=64).astype(np.float32)
    examples = {"image": jax.ShapeDtypeStruct((1, 7, 7, 64), jnp.float32)}
    assert winograd_pays(examples["image"], kernel, (1, 1), "SAME")

    def apply(inputs):
        return {"features": convolution_block(inputs["image"], kernel, bias)}

    def plain(inputs):
        return {"features": jnp.maximum(convolve(inputs["image"], kernel) + bias, 0)}

    write_onnx(apply, examples, tmp_path / "it.onnx")
    assert differences_of(tmp_path / "it.onnx", plain, examples)["features"] <= CLOSE
    nodes = [node.op_type for node in onnx.load(tmp_path / "it.onnx").graph.node]
    assert nodes.count("Conv") == 1 and "If" not in nodes


def test_what_is_not_in_onnx_is_named_with_its_layer(tmp_path):
    import flax.linen as nn

    class Inner(nn.Module):
        def __call__(self, x):
            return jax.scipy.special.erfinv(x)

    class Outer(nn.Module):
        @nn.compact
        def __call__(self, x):
            return jax.lax.scan(lambda sum, row: (sum + Inner()(row), None), x[0], x)[0][None]

    examples = {"x": jax.ShapeDtypeStruct((1, 4), jnp.float32)}
    with pytest.raises(NotInOnnx, match="erf_inv in the layer Outer/Inner_0 is not") as found:
        write_onnx(lambda given: {"y": Outer().apply({}, given["x"])}, examples, tmp_path / "a")
    assert found.value.operation == "erf_inv" and found.value.layer == "Outer/Inner_0"
    with pytest.raises(NotInOnnx, match="erf_inv outside of any layer is not written as ONNX"):
        write_onnx(
            lambda given: {"y": jax.scipy.special.erfinv(given["x"])}, examples, tmp_path / "a"
        )
    assert not (tmp_path / "a").exists()
    # What no output needs need not be there.
    write_onnx(
        lambda given: jax.scipy.special.erfinv(given["x"]) is None or {"y": given["x"]}, examples,
        tmp_path / "a",
    )  # fmt: skip
    with pytest.raises(ValueError, match="an input and an output of an ONNX file are both called"):
        write_onnx(lambda given: {"x": given["x"]}, examples, tmp_path / "a")
