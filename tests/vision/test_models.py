"""Models: their published sizes, and one whole net against PyTorch."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from research.vision.models import MultilayerPerceptron, SmallCNN, chapter_14_cnn

pytestmark = pytest.mark.usefixtures("plainly_compiled")

IMAGE = jax.ShapeDtypeStruct((2, 28, 28, 1), jnp.float32)


def shapes_of(model):
    return jax.eval_shape(
        lambda x: model.init(jax.random.key(0), x, training=False)["params"], IMAGE
    )


def count(params):
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def test_the_chapters_net_has_its_published_size():
    """The layers of Géron's cell 18, multiplied out."""
    layers = [(7 * 7 * 1, 64), (9 * 64, 128), (9 * 128, 128), (9 * 128, 256), (9 * 256, 256)]
    layers += [(3 * 3 * 256, 128), (128, 64), (64, 10)]
    assert sum((inputs + 1) * outputs for inputs, outputs in layers) == 1_413_834
    assert count(shapes_of(chapter_14_cnn())) == 1_413_834


def test_the_perceptron_has_its_published_size():
    assert count(shapes_of(MultilayerPerceptron())) == 266_610


def test_parameters_are_float32_and_logits_have_ten_classes():
    for model in (chapter_14_cnn(4), MultilayerPerceptron(), SmallCNN(dense=())):
        x = jnp.ones(IMAGE.shape)
        params = jax.eval_shape(lambda x, m=model: m.init(jax.random.key(0), x, training=False), x)
        assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(params))
        logits = jax.eval_shape(lambda p, x, m=model: m.apply(p, x, training=False), params, x)
        assert logits.shape == (2, 10) and logits.dtype == jnp.float32


@pytest.mark.parametrize(
    "model",
    [chapter_14_cnn(7), MultilayerPerceptron(), SmallCNN(stages=((4,), (8,)), dense=())],
)
def test_dropout_acts_in_training_alone_and_by_its_key(model):
    x = jax.random.uniform(jax.random.key(1), IMAGE.shape)
    params = model.init(jax.random.key(0), x, training=False)

    def logits(key, rate):
        return model.apply(
            params, x, training=True, dropout_rate=rate, rngs={"dropout": jax.random.key(key)}
        )

    plain = model.apply(params, x, training=False)
    np.testing.assert_array_equal(logits(0, 0.0), plain)
    np.testing.assert_array_equal(logits(0, 0.5), logits(0, 0.5))
    assert not np.array_equal(logits(0, 0.5), logits(1, 0.5))
    assert not np.array_equal(logits(0, 0.5), plain)


def test_pytorch_agrees_on_the_chapters_net_and_its_gradient():
    torch = pytest.importorskip("torch", reason="requirements-oracles.txt is not installed")
    model, chance = chapter_14_cnn(8), np.random.default_rng(0)
    x = chance.random((6, 28, 28, 1), np.float32)
    label = chance.integers(0, 10, 6)
    params = model.init(jax.random.key(0), x, training=False)["params"]

    def loss(params):
        logits = model.apply({"params": params}, x, training=False)
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, label))

    value, gradient = jax.value_and_grad(loss)(params)

    names = [f"Convolution_{i}" for i in range(5)] + [f"Dense_{i}" for i in range(3)]
    theirs = {}
    for name in names:
        kernel = np.asarray(params[name]["kernel"])
        kernel = kernel.transpose(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T
        bias = np.asarray(params[name]["bias"])
        theirs[name] = [torch.tensor(a.copy(), requires_grad=True) for a in (kernel, bias)]
    functional = torch.nn.functional
    hidden = torch.tensor(x.transpose(0, 3, 1, 2))
    for index, name in enumerate(names[:5]):
        hidden = functional.relu(functional.conv2d(hidden, *theirs[name], padding="same"))
        if index in (0, 2, 4):
            hidden = functional.max_pool2d(hidden, 2)
    hidden = hidden.permute(0, 2, 3, 1).flatten(1)
    for name in names[5:7]:
        hidden = functional.relu(functional.linear(hidden, *theirs[name]))
    their_loss = functional.cross_entropy(
        functional.linear(hidden, *theirs[names[7]]), torch.tensor(label)
    )
    their_loss.backward()

    np.testing.assert_allclose(value, their_loss.item(), rtol=1e-5)
    for name in names:
        kernel, bias = (tensor.grad.numpy() for tensor in theirs[name])
        kernel = kernel.transpose(2, 3, 1, 0) if kernel.ndim == 4 else kernel.T
        scale = np.abs(kernel).max()
        np.testing.assert_allclose(gradient[name]["kernel"], kernel, rtol=0, atol=1e-5 * scale)
        np.testing.assert_allclose(gradient[name]["bias"], bias, rtol=1e-3, atol=1e-5 * scale)
