"""WAV files: the samples come back from the standard library, and from SciPy."""

from __future__ import annotations

import io
import wave

import numpy as np
from scipy.io import wavfile

from research.engine.artifacts import Sound
from research.report.sounds import spell_wav


def test_samples_come_back_to_the_bit():
    samples = np.int16([0, 1, -1, 32767, -32768])
    content = spell_wav(Sound("s", samples, 11_025))
    rate, back = wavfile.read(io.BytesIO(content))
    assert rate == 11_025 and back.dtype == np.int16
    np.testing.assert_array_equal(back, samples)
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getnframes()) == (1, 2, 5)
