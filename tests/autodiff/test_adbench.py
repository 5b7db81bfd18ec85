"""ADBench's problems: their values by other means, their derivatives, and files of its formats."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from scipy import stats
from scipy.spatial.transform import Rotation
from scipy.special import multigammaln

from experiments.autodiff import adbench_bundle, adbench_lstm, adbench_mixture
from research.autodiff.adbench import bundles, characters, mixtures, study
from research.autodiff.adbench.study import ADBenchStudy
from research.autodiff.reverse import grad
from research.autodiff.sparse_jacobians import color_entries, jacobian_entries
from research.autodiff.timing import shortest_seconds
from research.errors import Mistake
from research.options.config import make_experiment, problems_of
from research.study import Findings

pytestmark = pytest.mark.usefixtures("plainly_compiled")
CONFIGS = [each.config for each in (adbench_mixture, adbench_bundle, adbench_lstm)]
RANDOM = np.random.default_rng(0)


def a_mixture(n: int = 7, d: int = 3, k: int = 4, m: int = 2) -> mixtures.Mixture:
    normal = RANDOM.normal
    size = d * (d + 1) // 2
    return mixtures.Mixture(
        normal(size=k), normal(size=(k, d)), normal(size=(k, size)), normal(size=(n, d)), 0.7, m
    )


def a_bundle(rotation: Any = None) -> bundles.Bundle:
    config = adbench_bundle.config.smoke()
    drawn = jax.device_get(config.draw(jax.random.key(1)))
    found = config.bundle(drawn)
    if rotation is not None:
        found.cameras[:, :3] = rotation
    return found


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: type(config).__name__)
def test_every_way_finds_the_derivatives_and_a_wrong_one_by_hand_is_seen(
    config: ADBenchStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = config.smoke()
    drawn = jax.device_get(small.draw(jax.random.key(0)))
    ways = small.ways(drawn)
    monkeypatch.setattr(type(small), "ways", lambda *_: ways)
    found = dict(small.find(drawn, {}).figures)
    different = {name: value for name, value in found.items() if name.endswith("/different")}
    assert len(different) == 4 and set(different.values()) == {0.0}
    assert found["by_hand/operations"] < found["reverse/operations"] < found["forward/operations"]

    by_hand = ways["by_hand"]
    ways = {**ways, "by_hand": by_hand._replace(compute=lambda: by_hand.compute() + 1e-4)}
    wrong = small.find(drawn, {}).figures
    assert all(wrong[name] > 0 for name in different)


def test_the_likelihood_is_that_of_scipys_normal_distributions() -> None:
    """And the prior that of the paper, without what cancels."""
    mixture = a_mixture()
    d, m, gamma = 3, mixture.m, mixture.gamma
    parts, prior = [], 0.0
    for alpha, mean, q in zip(mixture.alphas, mixture.means, mixture.icf, strict=True):
        factor = np.diag(np.exp(q[:d]))
        factor[1:, 0], factor[2, 1] = q[d : d + 2], q[d + 2]
        normal = stats.multivariate_normal(mean, np.linalg.inv(factor.T @ factor))
        parts.append(alpha + normal.logpdf(mixture.points))
        prior += 0.5 * gamma**2 * np.sum(factor**2) - m * np.log(np.linalg.det(factor))
        freedom = d + m + 1
        prior -= freedom * d * np.log(gamma / 2**0.5) - multigammaln(freedom / 2, d)
    expected = np.sum(np.logaddexp.reduce(parts)) - 7 * np.logaddexp.reduce(mixture.alphas)
    found = mixtures.log_likelihood(mixture.params, mixture)
    assert found == pytest.approx(expected + prior, rel=1e-12)


@pytest.mark.parametrize("rotation", [None, np.zeros(3)], ids=["turned", "not turned"])
def test_errors_are_those_of_scipys_rotation(rotation: Any) -> None:
    bundle = a_bundle(rotation)
    found = bundles.errors(bundle.params, bundle)
    for i, (camera, point) in enumerate(bundle.seen):
        c, weight = bundle.cameras[camera], bundle.weights[i]
        turned = Rotation.from_rotvec(c[:3]).apply(bundle.points[point] - c[3:6])
        p = turned[:2] / turned[2]
        s = p @ p
        place = c[6] * (1 + c[9] * s + c[10] * s * s) * p + c[7:9]
        np.testing.assert_allclose(found[2 * i : 2 * i + 2], weight * (place - bundle.places[i]),
                                   rtol=1e-9, atol=1e-9)  # fmt: skip
        assert found[2 * len(bundle.weights) + i] == pytest.approx(1 - weight**2)


@pytest.mark.parametrize("rotation", [None, np.zeros(3)], ids=["turned", "not turned"])
def test_the_sparse_jacobian_by_hand_by_colours_and_by_blocks(rotation: Any) -> None:
    bundle = a_bundle(rotation)
    pattern, params = bundles.pattern_of(bundle), bundle.params
    colors = color_entries(*pattern)
    assert colors.max() + 1 == bundles.BLOCK
    by_hand = bundles.jacobian_by_hand(params, bundle)
    f = lambda x: bundles.errors(x, bundle)  # noqa: E731
    by_colors = jacobian_entries(f, pattern.rows, pattern.columns, colors)(params)
    for found in (by_colors, bundles.jacobian_by_blocks(params, bundle)):
        assert study.errors(found, by_hand).max() < 1e-12
    # Nothing is outside the pattern: a step along every parameter is the entries' sum in each row.
    step = 1e-6 * np.sign(RANDOM.normal(size=len(params)))
    change = (f(params + step) - f(params - step)) / 2
    along = np.bincount(pattern.rows, by_hand * step[pattern.columns], pattern.shape[0])
    np.testing.assert_allclose(change, along, rtol=1e-4, atol=1e-8)


def test_the_lstm_is_that_of_the_page() -> None:
    """Written out gate by gate, as in ADBench."""
    config = dataclasses.replace(adbench_lstm.config.smoke(), layers=2)
    drawn = jax.device_get(config.draw(jax.random.key(0)))
    text = characters.Text(**{name: np.asarray(each, float) for name, each in drawn.items()})
    assert set(np.unique(text.bits)) == {0.0, 1.0}
    h, c = list(text.state[:, 0]), list(text.state[:, 1])
    total = 0.0
    for now, following in zip(text.bits[:-1], text.bits[1:], strict=True):
        x = now * text.extra[0]
        for i, (weight, bias) in enumerate(text.main):
            z = np.array([x, h[i], x, h[i]]) * weight + bias
            f, enter, o = 1 / (1 + np.exp(-z[:3]))
            c[i] = c[i] * f + enter * np.tanh(z[3])
            x = h[i] = o * np.tanh(c[i])
        y = x * text.extra[1] + text.extra[2]
        total += following @ (y - np.log(2 + np.exp(y).sum()))
    assert characters.loss(text.params, text) == pytest.approx(-total / text.bits[1:].size)
    with jax.enable_x64(True):
        assert float(characters.loss_in_jax(text.params, text)) == pytest.approx(
            -total / text.bits[1:].size, rel=1e-12
        )


def spell(*blocks: Any) -> str:
    return "\n".join(" ".join(map(repr, np.ravel(each).tolist())) for each in blocks)


def test_files_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "input.txt"
    mixture = a_mixture()
    head = np.array([3, 4, 7])
    path.write_text(spell(head, *mixture[:4], [0.7, 2]))
    found = mixtures.read_mixture(str(path))
    np.testing.assert_array_equal(found.params, mixture.params)
    np.testing.assert_array_equal(found.points, mixture.points)
    assert (found.gamma, found.m) == (0.7, 2)
    # One point for all.
    path.write_text(spell(head, *mixture[:3], mixture.points[0], [0.7, 2]))
    found = mixtures.read_mixture(str(path))
    np.testing.assert_array_equal(found.points, np.tile(mixture.points[0], (7, 1)))
    assert np.isfinite(grad(lambda x: mixtures.log_likelihood(x, found))(found.params)).all()

    camera, point = np.arange(11) / 10, np.arange(3.0)
    path.write_text(spell([2, 3, 5], camera, point, 0.5, [8.0, 9.0]))
    bundle = bundles.read_bundle(str(path))
    assert bundle.seen.tolist() == [[0, 0], [1, 1], [0, 2], [1, 0], [0, 1]]
    np.testing.assert_array_equal(bundle.cameras, [camera] * 2)
    assert bundle.weights.tolist() == [0.5] * 5 and bundle.places[4].tolist() == [8, 9]

    main, extra, state, bits = (RANDOM.random((2, 2, 4, 3)), RANDOM.random((3, 3)),
                                RANDOM.random((2, 2, 3)), np.eye(3)[[0, 1, 2, 1]])  # fmt: skip
    path.write_text(spell([2, 4, 3], main, extra, state, bits))
    text = characters.read_text(str(path))
    for one, other in zip(text, (main, extra, state, bits), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_run_of_a_file_is_of_its_content_and_has_no_sizes_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "ba.txt"
    path.write_text(spell([2, 3, 5], [0.1, 0.2, 0.3, 1, 2, -20, 500, 1, 2, 0.1, 0.05],
                          [4.0, 5.0, 6.0], 0.5, [8.0, 9.0]))  # fmt: skip
    config = dataclasses.replace(adbench_bundle.config, file=str(path))
    assert config.own_files() == {"file": str(path)} and config.smoke() is config
    assert not problems_of(config)
    wrong = problems_of(dataclasses.replace(config, cameras=3, points=4, observations=2))
    assert wrong == ["--file has sizes of its own: leave out --cameras, --points, --observations"]
    assert config.count(None)["parameters"] == 2 * 11 + 3 * 3 + 5
    path.write_text("2 3")
    with pytest.raises(Mistake, match="ends too early"):
        make_experiment(config)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "ends too early: cameras and points and observations would be 3 numbers, and 0"),
        ("1 1 1\n" + "1 " * 16 + "\nTHE SONNETS", "line 3: 'THE' is no finite number"),
        ("1 1 1 " + "nan " * 17, "'nan' is no finite number"),
        ("1.5 1 1 " + "1 " * 17, "cameras must be a whole number of at least 1, not 1.5"),
        ("1 0 1 " + "1 " * 17, "points must be a whole number of at least 1, not 0"),
        ("1 1 1 " + "1 " * 18, "goes on after its end: 1 numbers too many"),
        ("1 1 1 " + "1 " * 5, "ends too early: a camera would be 11 numbers, and 5 are left"),
    ],
)
def test_what_is_no_such_file_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "wrong.txt"
    path.write_text(content)
    with pytest.raises(Mistake, match=message.replace("(", r"\(")):
        bundles.read_bundle(str(path))


def test_more_observations_than_pairs_are_refused() -> None:
    config = dataclasses.replace(adbench_bundle.config, cameras=2, points=3, observations=7)
    assert problems_of(config) == [
        "--observations must be at most 6: so many pairs of a camera and a point"
    ]


def test_the_shortest_of_samples_that_are_long_enough_is_taken() -> None:
    took = iter([0.5] + [0.25] + 2 * [0.25] + [0.3] * 4 + [0.125] * 4 + [9.0] * 4)
    now = 0.0

    def call() -> None:
        nonlocal now
        now += next(took)

    # Once to warm up, then 1, 2 and 4 calls until a second has passed, then two samples more.
    assert shortest_seconds(call, 3, 1.0, lambda: now) == 0.125


def test_times_are_in_the_report_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "shortest_seconds", lambda call: 0.002)
    config = adbench_mixture.config.smoke()
    monkeypatch.setattr(type(config), "find", lambda *_: Findings({"f": 1.0}, {"errors": None}))
    experiment = make_experiment(config)
    state = jax.device_get(experiment.init(jax.random.key(0), {}))
    shown = experiment.artifacts(state, None, None)
    assert [*shown] == ["errors", "times"]
    assert shown["times"].texts[0].split("\n")[1].split() == ["by_hand", "2", "2", "1"]
    assert experiment.judge(state, None, None) == {"f": 1.0}
