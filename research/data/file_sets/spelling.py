"""Examples and what columns hold, as a person reads them in a line."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from research.data.columns import Form
from research.data.file_sets.summary import MOST, Summary
from research.data.formats.format import TEXT
from research.options.terminal import cut

_LONGEST = 32
_FEW = 4
"""Letters of a text, and numbers of an array, that are shown."""


def spell_values(form: Form, summary: Summary) -> str:
    """`0 to 9, 10 different, 5,421 to 6,742 each`; `3 to 120 bytes`; `2 to 9 long, 0 to 1`."""
    parts = []
    if summary.longest:
        low, high = (" x ".join(map(str, sizes)) for sizes in (summary.shortest, summary.longest))
        parts.append(low if low == high else f"{low} to {high}")
        if form.shape.count(None) == 1 and len(form.shape) == 1:
            parts[-1] += " long"
    if summary.low is not None and summary.high is not None:
        bounds = [_number(bound, form) for bound in (summary.low, summary.high)]
        spelled = bounds[0] if bounds[0] == bounds[1] else " to ".join(bounds)
        parts.append(spelled + " bytes" * (form == TEXT))
    if summary.counts is not None:
        counts = sorted(summary.counts.values())
        parts.append(f"{len(counts)} different" if len(counts) > 1 else "always")
        if 1 < len(counts) < min(MOST, sum(counts) / 2):
            low, high = f"{counts[0]:,}", f"{counts[-1]:,}"
            parts.append(f"{low} each" if low == high else f"{low} to {high} each")
    return ", ".join(parts)


def _number(value: float, form: Form) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}" if form == TEXT else str(value)
    return f"{value:.6g}"


def spell_example(value: Any) -> str:
    """A text cut, a picture by its size, an array by its first numbers."""
    if isinstance(value, bytes):
        return _text(value)
    array = np.asarray(value)
    if not array.ndim:
        return f"{array.item():.6g}" if array.dtype.kind == "f" else str(array.item())
    if array.dtype == np.uint8 and array.ndim >= 2:
        return f"picture of {' x '.join(map(str, array.shape))}"
    flat = [spell_example(each) for each in array.reshape(-1)[:_FEW]]
    size = f" ({' x '.join(map(str, array.shape))})" if array.ndim > 1 else ""
    return f"[{', '.join(flat)}{', …' * (array.size > _FEW)}]{size}"


def _text(content: bytes) -> str:
    if content[:3] == b"\xff\xd8\xff" or content[:4] in (b"\x89PNG", b"RIFF", b"GIF8"):
        from PIL import Image

        try:
            with Image.open(io.BytesIO(content)) as picture:
                return f"{picture.format} of {picture.width} x {picture.height} pixels"
        except Exception:  # of any kind, where a decoder meets what it does not expect
            return f"{len(content):,} bytes"
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return f"{len(content):,} bytes, {content[:8].hex(' ')} …"
    if not text.replace("\n", " ").replace("\t", " ").replace("\r", " ").isprintable():
        return f"{len(content):,} bytes, {content[:8].hex(' ')} …"
    return repr(cut(text, _LONGEST))
