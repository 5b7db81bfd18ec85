"""A full disk and a read-only directory: told as such, nothing lost, and then gone on from."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from research.engine import checkpoint, ledger
from tests.engine import runner
from tests.engine.toy import run_toy
from tests.engine.watch import records, same_outcome


def lines_of(task: str, directory: Path) -> list:
    process = subprocess.run(
        [sys.executable, runner.__file__, task, str(directory)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert process.returncode == 0, process.stderr
    return [json.loads(line) for line in process.stdout.splitlines()]


def test_files_that_may_not_grow_are_refused_and_later_go_on(finished, tmp_path):
    found = lines_of("limits", tmp_path)
    assert [line["limit"] for line in found] == list(runner.LIMITS)
    for line in found:
        for refused in line["refused"]:
            assert "File too large" in refused, line
        run = tmp_path / str(line["limit"])
        assert same_outcome(line, finished[1])
        assert records(run) == records(finished[0])
        assert not [path for path in run.rglob("*.part")]


@pytest.fixture
def small_disk():
    """Mounts a tmpfs of a size, or makes it another size.

    Not among pytest's folders: should this process be killed, later ones could not remove them.
    """
    place = Path(tempfile.mkdtemp(prefix="disk-"))

    def mount(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no tmpfs can be mounted here: {error}")
        return place

    yield mount
    # Lazily: what failed may hold a file there for a while.
    subprocess.run(["umount", "--lazy", str(place)], capture_output=True)
    shutil.rmtree(place)


# Orbax writes leaves side by side and hands on the first that fails; asyncio then complains that
# nobody asked after the others.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kilobytes", [0, 40, 160, 240])
def test_a_full_disk(program, finished, small_disk, kilobytes):
    disk = small_disk("size=1m")
    filler = disk / "filler"
    free = shutil.disk_usage(disk).free
    filler.write_bytes(b"\1" * (free - 1024 * kilobytes))
    known = b""
    for _ in range(3):
        with pytest.raises(OSError, match="No space left") as told:
            run_toy(disk / "run", program)
        assert told.value.errno == errno.ENOSPC
        assert Path(told.value.filename).is_relative_to(disk / "run")
        path = disk / "run" / "ledger.jsonl"
        opened = ledger.read(path)
        assert not opened.broken
        assert not path.exists() or path.read_bytes().startswith(known)
        known = path.read_bytes() if path.exists() else b""
    filler.unlink()
    assert same_outcome(run_toy(disk / "run", program), finished[1])
    assert records(disk / "run") == records(finished[0])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_disk_that_fills_while_orbax_writes(program, finished, small_disk, monkeypatch, tmp_path):
    # Orbax tells it by ValueError, and by futures of closed loops that nobody can be asked for.
    disk = small_disk("size=1m")
    free = shutil.disk_usage(disk)
    (disk / "filler").write_bytes(b"\1" * (free.free - 1024 * 80))
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left") as told:
        patch.setattr(checkpoint.shutil, "disk_usage", lambda path: free)
        run_toy(disk / "run", program)
    assert told.value.errno == errno.ENOSPC and "checkpoints" in told.value.filename
    (disk / "filler").unlink()
    assert same_outcome(run_toy(disk / "run", program), finished[1])
    assert records(disk / "run") == records(finished[0])


def test_a_directory_that_cannot_be_written_to():
    # Not tmp_path: another user could not even look into it.
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    try:
        told = lines_of("read-only", directory)
    finally:
        directory.chmod(0o755)
        before = records(directory / "warm")
        shutil.rmtree(directory)
    assert len(told) == 3 and before[0]
    for sentence, name in zip(told, ("locked", "new", "warm"), strict=True):
        assert sentence.startswith("PermissionError: ")
        assert str(directory / name) in sentence
