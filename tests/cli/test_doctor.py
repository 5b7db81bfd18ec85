"""`doctor` says what could change the bits, and says nothing where nothing could."""

import json

from research.cli.commands.doctor import concerns, lock_differences
from research.cli.main import main
from research.engine.compilation_cache import Entries
from research.engine.fingerprint import fingerprint, version


def test_it_prints_and_reports(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert main(["doctor", "--json"], "NPROC=3 was replaced by 8") == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert report["findings"][0] == "NPROC=3 was replaced by 8"
    assert report["fingerprint"] == fingerprint()
    assert str(tmp_path) in err and "nothing prepared" in err
    assert version("jax") in err


def test_it_shows_and_clears_what_was_compiled(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
    Entries(tmp_path / "kind", print).put("a program", bytes(2**20))

    def rows(*options: str) -> dict[str, str]:
        assert main(["doctor", "--json", *options]) == 0
        return json.loads(capsys.readouterr().out)["sections"]["Compiled programs"]

    shown = rows()
    assert shown["place"] == str(tmp_path) and shown["entries"].startswith("1, 1.0 MiB of at most")
    assert rows() == shown
    assert rows("--clear-cache")["cleared"] == "1, 1.0 MiB"
    assert rows()["entries"].startswith("0, ") and not list(tmp_path.iterdir())


def test_nothing_to_say_of_this_environment():
    assert list(concerns(fingerprint())) == []


def test_each_concern_is_told():
    usual = fingerprint()
    for change, says in (
        ({"pool_size": "3"}, "3 threads"),
        ({"xla_flags": f"--xla_a=1 {usual['xla_flags']}"}, "set: --xla_a=1"),
        ({"jax_enable_x64": "True"}, "64-bit"),
        ({"jax_default_prng_impl": "rbg"}, "generator"),
        ({"platform": "gpu", "pool_size": "not used"}, "XLA_FLAGS=--xla_gpu_deterministic_ops"),
    ):
        (sentence,) = concerns(usual | change)
        assert says in sentence
    told = concerns(usual | {"platform": "gpu", "xla_flags": "--xla_gpu_deterministic_ops=true"})
    assert not any("timing" in sentence for sentence in told)


def test_versions_are_held_against_the_lock(tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        f"jax=={version('jax')} \\\n    --hash=sha256:00\nnumpy==0.1 ; python_version < '3'\n"
        "no-such-package==1.0\n"
    )
    (sentence,) = lock_differences(lock)
    assert sentence.startswith(f"numpy {version('numpy')} is installed")
    assert lock_differences(tmp_path / "none") == []
