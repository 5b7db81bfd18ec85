"""Sounds as the bytes of WAV files."""

from __future__ import annotations

import io
import wave

from research.engine.artifacts import Sound


def spell_wav(artifact: Sound) -> bytes:
    """The samples as a WAV file of one channel, 16 bits a sample."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(artifact.rate)
        written.writeframes(artifact.samples.astype("<i2").tobytes())
    return file.getvalue()
