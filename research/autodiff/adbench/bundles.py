"""ADBench's bundle adjustment: how far points, seen by cameras, are from where they were observed.

A camera is 11 numbers: rotation r (its axis times its angle), centre, focal length f, principal
point u, radial distortion k. With Y = point - centre, θ = |r|, a = sin θ / θ, b = (1 - cos θ) / θ²:

    P = cos θ Y + a r × Y + b (r · Y) r        p = (P_1, P_2) / P_3        s = |p|²
    errors of an observation with weight w and place v:
    w (f (1 + k_1 s + k_2 s²) p + u - v), and 1 - w².

The Jacobian is by all cameras, then all points, then all weights. Of its rows, two an observation
and then one a weight, each of the first has 15 entries, however many cameras there are.

Source: Srajer, Kukelova and Fitzgibbon 2018 (ADBench), appendix; github.com/microsoft/ADBench.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from research.autodiff import functions
from research.autodiff.adbench.files import Numbers
from research.autodiff.operations import Value
from research.autodiff.reverse import vjp

CAMERA, POINT = 11, 3
"""Numbers of a camera and of a point."""
BLOCK = CAMERA + POINT + 1
"""Numbers that an observation depends on, its weight the last."""
Vector = Sequence[Value]
"""Coordinates: each a number, or of all observations `[p]`."""


class Bundle(NamedTuple):
    """Cameras, points and observations, in float64.

    Attributes:
        cameras: `[n, 11]`.
        points: `[m, 3]`.
        weights: `[p]`.
        seen: int `[p, 2]`, the camera and the point of an observation.
        places: `[p, 2]`, where it was observed.
    """

    cameras: np.ndarray
    points: np.ndarray
    weights: np.ndarray
    seen: np.ndarray
    places: np.ndarray

    @property
    def params(self) -> np.ndarray:
        """All that is differentiated by, as one vector: cameras, points, weights."""
        return np.concatenate([self.cameras.ravel(), self.points.ravel(), self.weights])


def cross(x: Vector, y: Vector) -> Vector:
    """X × y."""
    return [x[i - 2] * y[i - 1] - x[i - 1] * y[i - 2] for i in range(3)]


def dot(x: Vector, y: Vector) -> Value:
    """X · y."""
    first, *rest = (one * other for one, other in zip(x, y, strict=True))
    for each in rest:
        first = first + each
    return first


def rotate(r: Vector, y: Vector, lib: Any) -> Vector:
    """A vector turned by |r| about r (Rodrigues); at 0, and in its derivative there, y + r × y."""
    square, aside, along = dot(r, r), cross(r, y), dot(r, y)
    turned = square != 0
    safe = lib.where(turned, square, 1.0)
    angle = lib.sqrt(safe)
    cosine = lib.cos(angle)
    a, b = lib.sin(angle) / angle, (1 - cosine) / safe * along
    return [
        lib.where(turned, cosine * y[i] + a * aside[i] + b * r[i], y[i] + aside[i])
        for i in range(3)
    ]


def errors_of(camera: Vector, point: Vector, weight: Value, place: Vector, lib: Any) -> Vector:
    """The three errors of an observation, or of all of them, of whatever is not differentiated by.

    Args:
        camera: 11 coordinates.
        point: 3.
        weight: of the observation.
        place: 2.
        lib: `functions`, or another library with the same words.
    """
    from_centre = [point[i] - camera[3 + i] for i in range(3)]
    x, y, depth = rotate(camera[:3], from_centre, lib)
    x, y = x / depth, y / depth
    square = x * x + y * y
    scale = camera[6] * (1 + (camera[9] + camera[10] * square) * square)
    return [
        weight * (scale * x + camera[7] - place[0]),
        weight * (scale * y + camera[8] - place[1]),
        1 - weight * weight,
    ]


def gather(params: Value, bundle: Bundle) -> tuple[Vector, Vector, Value]:
    """Camera and point of each observation, and its weight, from a vector of all parameters."""
    n, m = len(bundle.cameras), len(bundle.points)
    fn, middle, end = functions, CAMERA * n, CAMERA * n + POINT * m
    cameras = fn.transpose(fn.reshape(params[:middle], (n, CAMERA)))[:, bundle.seen[:, 0]]
    points = fn.transpose(fn.reshape(params[middle:end], (m, POINT)))[:, bundle.seen[:, 1]]
    return list(cameras), list(points), params[end:]


def errors(params: Value, bundle: Bundle) -> Value:
    """All errors, `[3 p]`: two of each observation, then one of each weight."""
    x, y, of_weight = errors_of(*gather(params, bundle), list(bundle.places.T), functions)
    return functions.concatenate([functions.reshape(functions.stack([x, y], 1), -1), of_weight])


class Pattern(NamedTuple):
    """Where the Jacobian has entries, in the order of a file of ADBench's: row by row.

    Attributes:
        rows, columns: int `[entries]`.
        shape: of the Jacobian.
    """

    rows: np.ndarray
    columns: np.ndarray
    shape: tuple[int, int]


def pattern_of(bundle: Bundle) -> Pattern:
    """Fifteen entries in each of two rows of an observation, and one in that of its weight."""
    n, m, p = len(bundle.cameras), len(bundle.points), len(bundle.weights)
    camera, point = bundle.seen.T
    of_weight = CAMERA * n + POINT * m + np.arange(p)
    columns = np.concatenate(
        [
            CAMERA * camera[:, None] + np.arange(CAMERA),
            CAMERA * n + POINT * point[:, None] + np.arange(POINT),
            of_weight[:, None],
        ],
        axis=1,
    )
    return Pattern(
        np.concatenate([np.repeat(np.arange(2 * p), BLOCK), 2 * p + np.arange(p)]),
        np.concatenate([np.repeat(columns, 2, axis=0).ravel(), of_weight]),
        (3 * p, CAMERA * n + POINT * m + p),
    )


def as_entries(x: Vector, y: Vector, of_weight: Value) -> Value:
    """Blocks in the order of `pattern_of`: 15 derivatives `[p]` of x, of y, and one of 1 - w²."""
    fn = functions
    both = fn.stack([fn.stack(list(x), 1), fn.stack(list(y), 1)], 1)
    return fn.concatenate([fn.reshape(both, -1), of_weight])


def jacobian_by_hand(params: Value, bundle: Bundle) -> Value:
    """The entries as they are derived on paper: for each error, back from the place to the camera.

    Where g is its derivative by P, that by Y is cos θ g + a g × r + b (g · r) r, and that by r has
    the derivatives of cos θ, a and b in it, which are r times -a, (cos θ - a) / θ² and
    (a - 2 b) / θ².
    """
    fn, (camera, point, weight) = functions, gather(params, bundle)
    r, focal, (k_1, k_2) = camera[:3], camera[6], camera[9:]
    off = [point[i] - camera[3 + i] for i in range(3)]
    square, aside, along = dot(r, r), cross(r, off), dot(r, off)
    turned = square != 0
    safe = fn.where(turned, square, 1.0)
    angle = fn.sqrt(safe)
    cosine = fn.where(turned, fn.cos(angle), 1.0)
    a = fn.where(turned, fn.sin(angle) / angle, 1.0)
    b = fn.where(turned, (1 - cosine) / safe, 0.5)
    a_slope, b_slope = (cosine - a) / safe, (a - 2 * b) / safe
    x, y, depth = (cosine * off[i] + a * aside[i] + b * along * r[i] for i in range(3))
    seen = x / depth, y / depth
    s = dot(seen, seen)
    bent = 1 + (k_1 + k_2 * s) * s
    scale, weight_focal = focal * bent, weight * focal
    across = weight_focal * (2 * (k_1 + 2 * k_2 * s))
    blocks = []
    for i, place in enumerate(bundle.places.T):
        g = [across * seen[i] * seen[0], across * seen[i] * seen[1]]
        g[i] = g[i] + weight_focal * bent
        g = [each / depth for each in g]
        g = [*g, -(g[0] * seen[0] + g[1] * seen[1])]
        g_along, g_cross = dot(g, r), cross(g, r)
        of_point = [cosine * g[j] + a * g_cross[j] + b * g_along * r[j] for j in range(3)]
        common = a_slope * dot(g, aside) + b_slope * along * g_along - a * dot(g, off)
        off_cross = cross(off, g)
        of_rotation = [
            common * r[j] + a * off_cross[j] + b * (g_along * off[j] + along * g[j])
            for j in range(3)
        ]
        by_scale = weight * seen[i]
        of_distortion = [weight_focal * seen[i] * s, weight_focal * seen[i] * s * s]
        of_principal: list[Value] = [fn.broadcast_to(0.0, np.shape(s))] * 2
        of_principal[i] = weight
        of_weight = scale * seen[i] + camera[7 + i] - place
        blocks.append(
            [*of_rotation, *(-each for each in of_point), by_scale * bent, *of_principal,
             *of_distortion, *of_point, of_weight]
        )  # fmt: skip
    return as_entries(blocks[0], blocks[1], -2 * weight)


def jacobian_by_blocks(params: Value, bundle: Bundle) -> Value:
    """The entries by reverse mode: all observations at once, a pass back for each of three errors.

    Each observation has camera, point and weight of its own there, so that no two share a column,
    and the rows of all of them go in one pass.
    """
    fn, (camera, point, weight) = functions, gather(params, bundle)

    def of_block(*block: Value) -> Value:
        camera, point = block[:CAMERA], block[CAMERA:-1]
        return fn.stack(list(errors_of(camera, point, block[-1], list(bundle.places.T), fn)))

    out, pullback = vjp(of_block, *camera, *point, weight)
    unit = np.eye(3)[:, :, None] * np.ones(np.shape(out)[1])
    x, y, of_weight = (pullback(each) for each in unit)
    return as_entries(x, y, of_weight[-1])


def read_bundle(path: str) -> Bundle:
    """An input file: n, m, p, and one camera, point, weight and place, of which all are equal.

    Observation i is of camera i mod n and point i mod m.

    Raises:
        Mistake: it is no such file.
    """
    numbers = Numbers(path)
    n, m, p = numbers.take_counts("cameras", "points", "observations")
    camera, point = numbers.take("a camera", 1, CAMERA), numbers.take("a point", 1, POINT)
    weight, place = numbers.take("a weight", 1), numbers.take("a place", 1, 2)
    numbers.end()
    return Bundle(
        np.tile(camera, (n, 1)),
        np.tile(point, (m, 1)),
        np.tile(weight, p),
        np.stack([np.arange(p) % n, np.arange(p) % m], axis=1),
        np.tile(place, (p, 1)),
    )
