"""Images as rows of square patches, and back."""

from __future__ import annotations

import jax


def to_patches(image: jax.Array, side: int) -> jax.Array:
    """Images as their patches, row by row.

    Args:
        image: `[batch, height, width, channels]`.
        side: of a patch; it divides height and width.

    Returns:
        `[batch, patches, side * side * channels]`.
    """
    batch, height, width, channels = image.shape
    rows, columns = height // side, width // side
    x = image.reshape(batch, rows, side, columns, side, channels).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(batch, rows * columns, side * side * channels)


def from_patches(patches: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """The images of `to_patches`, which are of `shape`: height, width, channels."""
    height, width, channels = shape
    side = round((patches.shape[-1] // channels) ** 0.5)
    x = patches.reshape(-1, height // side, width // side, side, side, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(-1, *shape)
