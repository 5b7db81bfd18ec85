"""Picture files, one an example, whose folder is their class.

Files("photos/*/*.jpg", Pictures(classes_in("photos")))
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from research.data.columns import Columns, Form, as_objects
from research.data.formats.format import Forms, Found, KeptDecoded, Unreadable
from research.errors import Mistake

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_JPEG = {"Gray": "L", "YCbCr": "RGB"}
"""Colours of JPEG, as simplejpeg calls them, and the mode in which Pillow opens them."""
_HUGE = 80_000_000
"""Pixels: what has more is left to Pillow, which refuses bombs."""


@dataclasses.dataclass(frozen=True)
class Pictures:
    """How picture files are read: `image`, uint8 `[height, width, channels]`, and `label`, int64.

    Attributes:
        classes: names of folders, in the order of their numbers, as `classes_in` lists them. Where
            there are none, there is no label.
        shape: height, width, channels (1, 3 or 4). Pictures of any size are a ragged column; to
            make them alike, resize them (Mapped).
    """

    classes: tuple[str, ...] = ()
    shape: tuple[int | None, ...] = (None, None, 3)

    title = "pictures"
    by_number = True
    kept_decoded: KeptDecoded = "never"
    encoding = ""

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or self.shape[2] not in _MODES:
            raise ValueError(f"a shape is (height, width, 1, 3 or 4), not {self.shape}")

    def settings(self) -> dict[str, Any]:
        """As `Format.settings`."""
        return dataclasses.asdict(self)

    def is_gzip(self, name: str, head: bytes) -> bool:
        """As `Format.is_gzip`: such files are compressed inside."""
        return False

    def scan(self, path: Path) -> Iterator[Found]:
        """As `Format.scan`: a file is a record."""
        yield Found(np.zeros((1, 1), np.int64), [], path.stat().st_size)

    def infer(self, path: Path, positions: Iterable[np.ndarray]) -> Forms:
        """As `Format.infer`."""
        label = {"label": Form(np.dtype(np.int64), ())} if self.classes else {}
        return {"image": Form(np.dtype(np.uint8), self.shape), **label}

    def decode(self, path: Path, positions: np.ndarray, forms: Forms) -> Columns:
        """As `Format.decode`."""
        image = decode_picture(path.read_bytes(), self.shape)
        images = as_objects([image]) if None in self.shape else image[None]
        images = np.repeat(images, len(positions), 0) if len(positions) > 1 else images
        if not self.classes:
            return {"image": images}
        if path.parent.name not in self.classes:
            raise Unreadable(
                f"its folder, {path.parent.name!r}, is none of the classes "
                f"{', '.join(self.classes[:9])}{' ...' * (len(self.classes) > 9)}"
            )
        label = self.classes.index(path.parent.name)
        return {"image": images, "label": np.full(len(positions), label, np.int64)}

    def where(self, path: Path, position: np.ndarray) -> str:
        """As `Format.where`."""
        return "the picture"


def classes_in(folder: str) -> tuple[str, ...]:
    """The folders within a folder, sorted by name: the classes of the pictures in them.

    Raises:
        Mistake: there is none.
    """
    try:
        names = sorted(
            path.name
            for path in Path(folder).expanduser().iterdir()
            if path.is_dir() and not path.name.startswith(".")
        )
    except OSError as error:
        raise Mistake(f"{folder} cannot be read as a folder: {error.strerror}") from None
    if not names:
        raise Mistake(f"{folder} holds no folders; pictures of each class belong into one of them")
    return tuple(names)


def decode_picture(content: bytes, shape: tuple[int | None, ...]) -> np.ndarray:
    """A picture file's pixels, upright, in the number of channels that a shape has.

    Returns:
        uint8 `[height, width, channels]`.

    Raises:
        Unreadable: it is broken, has more than 8 bits a channel, or is of another size.
    """
    mode = _MODES[shape[2] or 3]
    try:
        pixels = _plain_jpeg(content, mode)
        if pixels is None:
            pixels = _any_picture(content, mode)
    except Unreadable:
        raise
    except Exception as error:  # of any kind, where a decoder meets what it does not expect
        raise Unreadable(
            f"it cannot be read as a picture ({' '.join(str(error).split())})"
        ) from None
    if any(want not in (None, have) for want, have in zip(shape, pixels.shape, strict=True)):
        raise Unreadable(f"it is {pixels.shape[0]} x {pixels.shape[1]} pixels, not {shape[:2]}")
    return pixels


def _plain_jpeg(content: bytes, mode: str) -> np.ndarray | None:
    """The pixels of a JPEG file of this mode; None of one that is turned, huge or something else.

    simplejpeg has the pixels that Pillow has in half the time, and finds more of what is damaged.
    """
    from simplejpeg import decode_jpeg_header

    # A camera's notes begin with the marker FF E1, which never occurs among coded pixels.
    if not content.startswith(b"\xff\xd8\xff") or b"\xff\xe1" in content:
        return None
    height, width, colours, _ = decode_jpeg_header(content)
    if _JPEG.get(colours) != mode or height * width > _HUGE:
        return None
    return _decode_jpeg(content, mode)


def _decode_jpeg(content: bytes, mode: str) -> np.ndarray:
    from simplejpeg import decode_jpeg

    pixels: np.ndarray = decode_jpeg(content, "GRAY" if mode == "L" else mode)
    return pixels


def _any_picture(content: bytes, mode: str) -> np.ndarray:
    """The pixels of a picture in a mode, uint8 `[height, width, channels]`, upright."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as opened:
            if opened.mode.startswith(("I", "F")):
                raise Unreadable("it has more than 8 bits a channel; save it with 8")
            picture: Any = opened
            if opened.format == "JPEG" and opened.mode in _JPEG.values():
                pixels = _decode_jpeg(content, opened.mode)
                picture = Image.fromarray(pixels[..., 0] if opened.mode == "L" else pixels)
                picture.info = opened.info
            # A camera notes in the file which way is up.
            picture = ImageOps.exif_transpose(picture).convert(mode)
    except UnidentifiedImageError:  # whose words have an address in memory
        raise Unreadable("it is no picture, or its beginning is broken") from None
    return np.asarray(picture).reshape(picture.height, picture.width, -1)


def cut_middle(picture: Any, height: int, width: int) -> Any:
    """The middle of a picture (PIL), as large as it can be in the shape of height by width."""
    kept = (
        round(min(picture.width, picture.height * width / height)),
        round(min(picture.height, picture.width * height / width)),
    )
    left, top = (picture.width - kept[0]) // 2, (picture.height - kept[1]) // 2
    return picture.crop((left, top, left + kept[0], top + kept[1]))


def resize(picture: Any, height: int, width: int) -> Any:
    """A picture (PIL) averaged down to a size, or a smaller one interpolated (bicubic)."""
    from PIL import Image

    larger = picture.width > width
    return picture.resize(
        (width, height), Image.Resampling.BOX if larger else Image.Resampling.BICUBIC
    )


def fit_picture(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture's middle, in another size.

    Args:
        pixels: uint8 `[height, width, channels]`.
        size: height and width that it gets.

    Returns:
        uint8 `[*size, channels]`.
    """
    from PIL import Image

    middle = cut_middle(Image.fromarray(np.squeeze(pixels)), *size)
    return np.asarray(resize(middle, *size)).reshape(*size, -1)


def resize_middles(height: int, width: int, columns: Columns) -> Columns:
    """Columns whose `image`, pictures of any size, is uint8 `[n, height, width, channels]`."""
    fitted = [fit_picture(image, (height, width)) for image in columns["image"]]
    return {**columns, "image": np.stack(fitted)}
