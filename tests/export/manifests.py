"""A manifest as an export of digits_cnn has it."""

from research.export.manifest import Licence, Manifest, Origin, Tensor, Verification

DIGITS = Manifest(
    form="onnx",
    model="model.onnx",
    sha256="5f" * 32,
    made="2026-11-30T20:00:00Z",
    title="A small net reads real handwriting.",
    kind="classes",
    inputs={"image": Tensor("uint8", ("batch", 8, 8, 1))},
    outputs={"probability": Tensor("float32", ("batch", 10))},
    carried=(),
    reading={"classes": [str(digit) for digit in range(10)]},
    origin=Origin(
        experiment="vision/digits_cnn",
        digest="48" * 32,
        config={"epochs": 20},
        config_digest="0123456789ab",
        seed=0,
        step=220,
        finished=True,
        member=None,
        fingerprint={"jax": "0.10.2"},
        data={"train": "aa" * 32, "test": "bb" * 32},
        code="cc" * 32,
        command="python launch.py run vision/digits_cnn --seed 0",
        again="python launch.py export vision/digits_cnn/0123456789ab-s0 --to onnx",
    ),
    licence=Licence(
        code="Apache-2.0",
        learned_from={"encore_digits": "CC-BY-4.0"},
        weights="Check the licence of the data.",
    ),
    versions={"encore": "0.1.0", "jax": "0.10.2", "opset": "23"},
    platforms=("cpu",),
    verification=Verification(
        on="test: 360 examples",
        batch_sizes=(1, 7, 32),
        tolerance=1e-5,
        largest={"probability": 2.4e-7},
        same="every most probable class",
        platform="cpu",
    ),
)
