"""An animation as a file: GIF by Pillow, MP4 where ffmpeg is there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from research.errors import Mistake

if TYPE_CHECKING:
    from research.engine.artifacts import Animation

FORMATS = (".gif", ".mp4")
_ENCODER = "ffmpeg"


def film_problems(text: str) -> list[str]:
    """Why no film can be written to `--to`, a message each; none where nothing was asked for."""
    path = Path(text)
    if not text:
        return []
    if path.suffix.lower() not in FORMATS:
        return [f"--to {text}: {' and '.join(FORMATS)} can be written"]
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
    from research.engine.durable import write_file
    from research.report.pictures import spell_gif

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
