"""`sample` and `reconstruct` of images, and the pictures of codes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.spatial import geometric_slerp
from sklearn.datasets import load_digits

from research.generative.pictures import Samples, View, great_circle, show_map, show_paths
from tests.cli.test_run_commands import call

pytestmark = pytest.mark.usefixtures("plain_commands")

Called = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def called(runs: Path, capsys: Any) -> Called:
    """A command on the runs of a variational autoencoder and of a diffusion, hardly trained."""
    if not [*runs.iterdir()]:
        for name in ("digits_vae", "digits_diffusion"):
            words = ("run", f"generative/{name}", "--smoke", "--no-report", "--runs-dir", str(runs))
            features = () if name == "digits_vae" else ("--features", "")
            assert call(capsys, *words, *features)[0] == 0

    def on_runs(command: str, *words: str) -> tuple[int, dict[str, Any], str]:
        return call(capsys, command, *words, "--runs-dir", str(runs))

    return on_runs


def pixels(file: str | Path) -> np.ndarray:
    return np.asarray(Image.open(file))


def test_a_seed_draws_the_same_and_another_others(called: Called, tmp_path: Path) -> None:
    code, result, human = called("sample", "digits_vae")
    assert code == 0 and Path(result["picture"]).parent == Path(result["run_dir"])
    assert "64 images" in human and (result["columns"], result["rows"]) == (8, 8)
    whole = pixels(result["picture"])
    assert np.array_equal(pixels(called("sample", "digits_vae")[1]["picture"]), whole)
    to = str(tmp_path / "wide.png")
    # The same images, in rows of another length, as far as they go.
    called("sample", "digits_vae", "--grid", "4x2", "--to", to)
    height = pixels(to).shape[0]
    assert np.array_equal(pixels(to)[: height // 2 - 4], whole[: height // 2 - 4, : 4 * 72 - 8])
    called("sample", "digits_vae", "--grid", "4x2", "--to", to, "--seed", "1")
    assert not np.array_equal(pixels(to)[: height // 2 - 4], whole[: height // 2 - 4, : 4 * 72 - 8])


def test_a_class_guidance_and_steps_change_what_is_drawn(called: Called, tmp_path: Path) -> None:
    def drawn(*options: str) -> np.ndarray:
        to = str(tmp_path / "drawn.png")
        code, _, human = called("sample", "digits_diffusion", "--to", to, *options)
        assert code == 0, human
        return pixels(to)

    sevens = ("--grid", "3x1", "--class", "7")
    drawn_as_trained = drawn(*sevens)
    assert np.array_equal(drawn_as_trained, drawn(*sevens, "--guidance", "1.5", "--steps", "2"))
    for other in ("--guidance", "4"), ("--steps", "3"):
        assert not np.array_equal(drawn_as_trained, drawn(*sevens, *other))
    # A row of each class: the first is of 0.
    zeros = drawn("--grid", "3x1", "--class", "0")
    assert np.array_equal(drawn("--grid", "3x2")[:64], zeros)
    assert not np.array_equal(zeros, drawn_as_trained)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("digits_vae", "--steps", "3"), "takes no steps"),
        (("digits_vae", "--guidance", "3"), "--guidance is for a diffusion"),
        (("digits_vae", "--class", "3"), "given classes: generative/digits_vae, seed 0 is not"),
        (("digits_vae", "--temperature", "1"), "--temperature is not for"),
        (("digits_vae", "--grid", "3"), "COLUMNSxROWS"),
        (("digits_vae", "--grid", "101x100"), "at most 10,000"),
        (("digits_vae", "--to", "samples.jpg"), "written as .png"),
        (("digits_diffusion", "--class", "12"), "there are 0 0, 1 1"),
    ],
)
def test_what_does_not_fit_a_model_is_refused(
    called: Called, words: tuple[str, ...], says: str
) -> None:
    code, result, _ = called("sample", *words)
    assert code == 2 and says in result["error"]


def test_a_picture_is_held_against_the_test_images(called: Called, tmp_path: Path) -> None:
    code, result, human = called("reconstruct", "digits_vae", "--count", "3")
    assert code == 0 and [one["input"] for one in result["reconstructions"]] == [
        "test 0", "test 1", "test 2"
    ]  # fmt: skip
    first = load_digits().images[1437]
    own = tmp_path / "own.png"
    Image.fromarray(np.rint(first * 255 / 16).astype(np.uint8)).save(own)
    stripes = tmp_path / "stripes.png"
    Image.fromarray(np.tile(np.uint8([0, 255]), (8, 4))).save(stripes)
    code, given, human = called("reconstruct", "digits_vae", str(own), str(stripes))
    assert code == 0
    one, other = given["reconstructions"]
    assert one["mse"] == pytest.approx(result["reconstructions"][0]["mse"], rel=1e-5)
    assert one["like_the_data"] and not other["like_the_data"] and "unlike the data" in human
    assert other["larger_than"] == 1.0
    code, result, _ = called("reconstruct", "digits_diffusion")
    assert code == 2 and "`sample` takes it" in result["error"]


def test_a_model_of_classes_reconstructs_a_picture_as_one_of_a_class(
    called: Called, runs: Path, capsys: Any, tmp_path: Path
) -> None:
    words = ("--smoke", "--data-set", "digits", "--no-report", "--runs-dir", str(runs))
    assert call(capsys, "run", "generative/conditional", *words)[0] == 0
    own = tmp_path / "own.png"
    Image.fromarray(np.rint(load_digits().images[1437] * 255 / 16).astype(np.uint8)).save(own)
    code, result, _ = called("reconstruct", "conditional", str(own))
    assert code == 2 and "add --class, one of 0, 1" in result["error"]

    def error(*words: str) -> float:
        code, result, human = called("reconstruct", "conditional", *words)
        assert code == 0, human
        found: float = result["reconstructions"][0]["mse"]
        return found

    # The first test image is a 2, and is taken for one unless another class is asked for.
    right = error("--count", "1")
    assert error(str(own), "--class", "2") == pytest.approx(right, rel=1e-5)
    assert error("--count", "1", "--class", "3") != pytest.approx(right, rel=1e-5)
    code, result, _ = called("reconstruct", "digits_vae", "--class", "8")
    assert code == 2 and "--class is for a model that is given classes" in result["error"]


def test_a_great_circle_is_scipys() -> None:
    one, other = np.random.default_rng(0).standard_normal((2, 5))
    one, other = one / np.linalg.norm(one), other / np.linalg.norm(other)
    along = np.linspace(0, 1, 7)
    found = great_circle(3 * one, 3 * other, along[:, None])
    np.testing.assert_allclose(found, 3 * geometric_slerp(one, other, along), atol=1e-6)
    # Of codes that lie one behind the other there is no circle.
    np.testing.assert_allclose(great_circle(one, 2 * one, along[:, None])[3], 1.5 * one)


def test_a_map_keeps_classes_apart_that_codes_keep_apart() -> None:
    label = np.arange(40) % 2
    image = label[:, None, None, None] + 0.1 * np.random.default_rng(0).random((40, 3, 3, 1))
    samples = Samples(image.astype(np.float32), label, ("a", "b"))
    view = View(
        lambda it: it.reshape(len(it), -1), lambda it: it.reshape(-1, 3, 3, 1), lambda it: it
    )
    for places in show_map(samples, view).places:
        apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
        # t-SNE stretches a group; images of one class are nearer to each other all the same.
        np.fill_diagonal(apart, np.inf)
        assert (label[apart.argmin(axis=1)] == label).all()
    straight = show_paths(samples, view)
    assert len(straight.captions) == 4 and straight.captions[0] == "a to b"
    both = show_paths(samples, view, spherical=True)
    np.testing.assert_allclose(both.images[:, :3], straight.images)
