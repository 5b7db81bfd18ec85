"""Sets larger than the memory that a process may have: indexed, hashed and read within it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.data.sources.written import write_tfrecord

ROOT = Path(__file__).parents[3]
READ = """
import resource
import sys

resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
import numpy as np
from research.data.columns import Form
from research.data.file_sets.files import Files
from research.data.formats.fixed import Field, Fixed
from research.data.formats.tfrecord import TFRecord

format = {
    "tfrecord": TFRecord({"image": Form(np.dtype(np.uint8), (1 << 16,))}),
    "fixed": Fixed({"image": Field("u1", (1 << 16,))}),
}[sys.argv[2]]
source = Files(sys.argv[1], format)
source.digest()
rows = np.random.default_rng(0).permutation(len(source))
for start in range(0, 20_000, 100):
    source.read(rows[start : start + 100])
if len(sys.argv) > 3:
    kept = [source.read(rows[start : start + 100]) for start in range(0, len(source), 100)]
print(len(source))
"""


def read(paths: str, format: str, *more: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", READ, paths, format, *more],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("format", ["tfrecord", "fixed"])
def test_a_set_four_times_the_memory_is_read(tmp_path, format):
    part = {"image": np.random.default_rng(0).integers(0, 256, (1024, 1 << 16), np.uint8)}
    first = tmp_path / "part-00"
    if format == "tfrecord":
        write_tfrecord(part, first)
    else:
        part["image"].tofile(first)
    for number in range(1, 64):  # 64 MiB each, of which the disk holds one
        (tmp_path / f"part-{number:02}").hardlink_to(first)
    done = read(str(tmp_path / "part-*"), format)
    assert done.stdout == "65536\n", done.stderr
    assert "MemoryError" in read(str(tmp_path / "part-*"), format, "keep all").stderr
