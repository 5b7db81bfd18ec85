"""Where Encore is started: devices that are not there, a home that nobody knows, no memory."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.cli.processes import call, last_json

pytestmark = pytest.mark.usefixtures("plain_commands")

SMOKE = ("run", "digits_cnn", "--smoke", "--no-report", "--json")


@pytest.mark.parametrize("platforms", ["cuda", "tpu", "no_such_thing"])
def test_devices_that_are_not_there(tmp_path, platforms):
    runs = ("--runs-dir", str(tmp_path / "runs"))
    done = call("run", "sine_rnn", "--smoke", *runs, JAX_PLATFORMS=platforms)
    assert done.returncode == 2
    (told,) = done.stderr.splitlines()
    assert told.startswith(f"error: JAX finds no device of JAX_PLATFORMS={platforms}")
    assert "unset JAX_PLATFORMS" in told
    assert not (tmp_path / "runs").exists()
    done = call("doctor", "--json", JAX_PLATFORMS=platforms)
    report = last_json(done.stdout)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert platforms in report["problems"][0] and report["problems"][0] in done.stderr
    assert report["sections"]["Versions"]["jax"] and report["sections"]["Disk"]["runs"]


@pytest.fixture
def nobody():
    """Starts commands as a user without home or entry; a folder of theirs."""
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can be somebody else")
    place = Path(tempfile.mkdtemp(prefix="nobody-"))
    place.chmod(0o777)
    user = ("setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups")
    unset = [word for name in ("HOME", "TFDS_DATA_DIR", "XDG_CACHE_HOME") for word in ("-u", name)]
    yield place, lambda *more: ("env", *unset, *more, *user)
    shutil.rmtree(place)


def test_a_user_without_a_home(nobody):
    place, anybody = nobody
    runs = ("--runs-dir", str(place / "runs"))
    done = call(*SMOKE, *runs, prefix=anybody())
    if "Permission denied" in done.stderr:
        pytest.skip("this checkout is not everybody's")
    assert done.returncode == 2
    (told,) = done.stderr.splitlines()
    assert "HOME is not set" in told and "set ENCORE_CACHE_DIR" in told and "12345" in told
    doctor = call("doctor", prefix=anybody())
    assert doctor.returncode == 2 and "Traceback" not in doctor.stderr
    assert "set TFDS_DATA_DIR" in doctor.stdout and "jaxlib" in doctor.stdout
    done = call(*SMOKE, *runs, prefix=anybody(f"ENCORE_CACHE_DIR={place}/cache"))
    assert done.returncode == 0, done.stderr
    assert last_json(done.stdout)["complete"]


def test_without_memory_it_is_told_what_to_make_smaller(tmp_path):
    limited = ("bash", "-c", 'ulimit -v 8000000; exec "$@"', "-")
    words = ("run", "sine_rnn", "--smoke", "--units", "30000", "--runs-dir", str(tmp_path))
    done = call(*words, prefix=limited)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr and "bug" not in done.stderr
    told = done.stderr.splitlines()[-1]
    assert told.startswith("error: out of memory (Out of memory allocating")
    assert "--batch-size" in told and "--width" in told and "--data streamed" in told
