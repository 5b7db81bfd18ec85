"""Images, sheets of images and animations: as data URIs, and an animation as a file."""

from __future__ import annotations

import base64
import io
import math
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from research.engine.artifacts import Animation, Images, grey_levels
from research.engine.durable import write_file
from research.errors import Mistake

NEGATIVE, NEUTRAL, POSITIVE = (33, 102, 172), (247, 247, 247), (178, 24, 43)
"""Blue, white, red: the ends and the middle of ColorBrewer's RdBu, which the colour-blind see."""
FILMS = (".gif", ".mp4")
LEAST = 64
"""Pixels across each image of a file, about, so that a viewer's own enlarging does not blur it."""
_ENCODER = "ffmpeg"


class Picture(NamedTuple):
    """A picture that a page holds.

    Attributes:
        uri: `data:image/...;base64,...`.
        width: pixels.
        height: pixels.
        still: for an animation, its last frame alone, else "".
    """

    uri: str
    width: int
    height: int
    still: str = ""


def colour(images: np.ndarray, low: float, high: float, *, signed: bool) -> np.ndarray:
    """Values as colours, uint8 `[..., 3]` from `[...]`; where the last axis is 3, colours it is.

    Args:
        images: numbers; what is not finite is shown as `low`.
        low: black, or full blue where signed.
        high: white, or full red.
        signed: 0 is neutral.
    """
    if not signed:
        grey = grey_levels(images, low, high)
        coloured = images.ndim == 4 and images.shape[-1] == 3
        return grey if coloured else np.repeat(grey[..., None], 3, axis=-1)
    share = (np.nan_to_num(images.astype(np.float64), nan=low) - low) / ((high - low) or 1.0)
    share = np.clip(share, 0.0, 1.0)
    ends = np.array([NEGATIVE, NEUTRAL, POSITIVE], np.float64)
    position = 2.0 * share
    below = np.minimum(position.astype(int), 1)
    part = (position - below)[..., None]
    return np.rint((1 - part) * ends[below] + part * ends[below + 1]).astype(np.uint8)


def draw_images(artifact: Images) -> list[Picture]:
    """Each image on its own."""
    return [_lossless(image) for image in _coloured(artifact)]


def draw_sheet(artifact: Images, columns: int = 8) -> Picture:
    """All images in rows, with a gap of a pixel between, through which the page is seen."""
    return _lossless(_arranged(_coloured(artifact), columns))


def write_grid(path: Path, images: np.ndarray, columns: int) -> None:
    """Write images as a PNG file, in rows, each enlarged to some `LEAST` pixels where it is less.

    Args:
        path: of the file.
        images: float `[images, height, width, channels]` in [0, 1], of 1 or 3 channels.
        columns: images in a row.
    """
    from PIL import Image

    flat = images[..., 0] if images.shape[-1] == 1 else images
    sheet = _arranged(colour(flat, 0.0, 1.0, signed=False), columns)
    times = max(1, round(LEAST / min(images.shape[1:3])))
    file = io.BytesIO()
    large = sheet.repeat(times, axis=0).repeat(times, axis=1)
    Image.fromarray(large).save(file, format="PNG", optimize=True)
    write_file(path, file.getvalue())


def _arranged(images: np.ndarray, columns: int) -> np.ndarray:
    """Colours uint8 `[images, height, width, 3]` in rows, with see-through gaps, `[..., 4]`."""
    count, height, width, _ = images.shape
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    gap = max(1, round(min(height, width) / 12))
    sheet = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, 4), np.uint8)
    for number, image in enumerate(images):
        top, left = number // columns * (height + gap), number % columns * (width + gap)
        sheet[top : top + height, left : left + width, :3] = image
        sheet[top : top + height, left : left + width, 3] = 255
    return sheet


def _coloured(artifact: Images) -> np.ndarray:
    """uint8 `[images, height, width, 3]`."""
    images = artifact.images
    if artifact.signed and images.ndim == 4:
        # Filters of colour images: mid-grey is 0 in each of the three.
        return colour(images, artifact.low, artifact.high, signed=False)
    return colour(images, artifact.low, artifact.high, signed=artifact.signed)


def draw_animation(artifact: Animation) -> Picture:
    """The frames as an animated GIF that goes round, and the last one still."""
    still = io.BytesIO()
    _with_palette(artifact.frames[-1], artifact.palette).save(still, format="PNG", optimize=True)
    height, width = artifact.frames.shape[1:]
    return Picture(
        data_uri("image/gif", spell_gif(artifact)),
        int(width),
        int(height),
        data_uri("image/png", still.getvalue()),
    )


def _with_palette(frame: np.ndarray, palette: np.ndarray) -> Any:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(frame), mode="P")
    image.putpalette(palette.astype(np.uint8).tobytes())
    return image


def spell_gif(artifact: Animation) -> bytes:
    """The frames as the bytes of an animated GIF that goes round."""
    frames = [_with_palette(frame, artifact.palette) for frame in artifact.frames]
    milliseconds = [max(20, round(1000 * artifact.seconds))] * len(frames)
    milliseconds[-1] = 1500  # Long enough to see how it ended.
    file = io.BytesIO()
    frames[0].save(
        file,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=milliseconds,
        loop=0,
        optimize=False,
    )
    return file.getvalue()


def _lossless(pixels: np.ndarray) -> Picture:
    from PIL import Image

    file = io.BytesIO()
    # Of grey noise, which generators begin with, a third of a PNG.
    Image.fromarray(pixels).save(file, format="WEBP", lossless=True, exact=True)
    height, width = pixels.shape[:2]
    return Picture(data_uri("image/webp", file.getvalue()), int(width), int(height))


def data_uri(kind: str, content: bytes) -> str:
    """Content of a kind, `image/webp`, as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def shades(counts: Sequence[Sequence[int]]) -> list[list[int]]:
    """For each row of a confusion matrix, its counts in hundredths of the row's sum."""
    rows = np.asarray(counts, np.float64)
    share = rows / np.maximum(rows.sum(axis=1, keepdims=True), 1.0)
    return np.rint(100 * share).astype(int).tolist()


def film_problems(text: str) -> list[str]:
    """Why no film can be written to `--to`, a message each; none where nothing was asked for."""
    path = Path(text)
    if not text:
        return []
    if path.suffix.lower() not in FILMS:
        return [f"--to {text}: {' and '.join(FILMS)} can be written"]
    if not path.parent.is_dir():
        return [f"--to {text}: there is no folder {path.parent}"]
    if path.suffix.lower() == ".mp4" and shutil.which(_ENCODER) is None:
        gif = path.with_suffix(".gif")
        return [
            f"--to {text}: an MP4 needs the program {_ENCODER}, which is not there; {gif} works"
        ]
    return []


def write_film(path: Path, animation: Animation) -> None:
    """Write an animation; the file's ending says how.

    Raises:
        Mistake: ffmpeg refuses.
    """
    if path.suffix.lower() == ".mp4":
        _encode(path, animation)
        return
    write_file(path, spell_gif(animation))


def _encode(path: Path, animation: Animation) -> None:
    _, height, width = animation.frames.shape
    # H.264 with halved colours, which every player knows, has even sides.
    command = [
        _ENCODER, "-y", "-loglevel", "error",
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}",
        "-r", f"{1 / animation.seconds:g}", "-i", "-",
        "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p", str(path),
    ]  # fmt: skip
    pixels = animation.palette.astype("uint8")[animation.frames].tobytes()
    done = subprocess.run(command, input=pixels, capture_output=True)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise Mistake(f"{_ENCODER} could not write {path}: {said[-1] if said else 'no reason'}")
