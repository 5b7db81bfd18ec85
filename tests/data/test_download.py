"""Preparing: a builder that downloads from a server in this process, and what can go wrong."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import pickle
import threading
import time

import numpy as np
import pytest
import tensorflow_datasets as tfds
from rich.console import Console
from tensorflow_datasets.core.download.checksums import UrlInfo

from research.data import download as preparing
from research.data.file_sets.files import Files
from research.data.file_sets.written import Written
from research.data.formats.lines import Lines
from research.data.formats.tfrecord import TFRecord
from research.data.prepared import NotPrepared, missing
from research.data.sources.arrays import ArraySource
from research.data.sources.mapped import Mapped
from research.data.tfds_split import TfdsSplit
from research.errors import Damaged, Mistake

LINES = b"".join(b"%d\n" % number for number in range(1000))


class EncoreTestLines(tfds.core.GeneratorBasedBuilder):
    """Numbers from a file that is downloaded."""

    VERSION = tfds.core.Version("1.0.0")
    url = ""
    needs_tensorflow = False

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict({"number": np.int64}),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        path = dl_manager.download(self.url)
        if self.needs_tensorflow:
            raise ModuleNotFoundError("No module named 'tensorflow'")
        return {"train": self._generate_examples(path)}

    def _generate_examples(self, path):
        for row, line in enumerate(path.read_text().splitlines()):
            yield row, {"number": int(line)}


@pytest.fixture
def server(monkeypatch):
    """Serves the lines; counts what is asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(LINES)))
            self.end_headers()

        def do_GET(self):
            asked.append(self.path)
            self.do_HEAD()
            self.wfile.write(LINES)

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        thread = threading.Thread(target=http_server.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{http_server.server_port}/lines.txt"
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(EncoreTestLines, "url", url)
        checksum = hashlib.sha256(LINES).hexdigest()
        info = UrlInfo(size=len(LINES), checksum=checksum, filename="lines.txt")
        monkeypatch.setattr(EncoreTestLines, "url_infos", {url: info})
        yield asked
        http_server.shutdown()
        thread.join()


def prepare(*names: str) -> str:
    output = io.StringIO()
    console = Console(file=output, width=300)
    preparing.prepare(lambda: [TfdsSplit(name, "train") for name in names], console)
    return output.getvalue()


def test_what_is_made_of_its_data_is_made_again_once_they_are_there(folders, server):
    made = []

    def make():
        made.append(len(TfdsSplit("encore_test_lines", "train")))  # as a vocabulary reads it
        return [TfdsSplit("encore_test_lines", "train")]

    output = Console(file=io.StringIO(), width=300)
    assert len(preparing.prepare(make, output)) == 1
    assert made == [1000] and output.file.getvalue().count("prepared in") == 1
    # The control: what cannot be prepared is asked for once.
    with pytest.raises(Mistake, match="no_such_set is not prepared"):
        preparing.prepare(lambda: [len(TfdsSplit("no_such_set", "train"))], output)


def test_files_are_read_and_those_of_an_experiment_written(folders, server, tmp_path, monkeypatch):
    monkeypatch.setenv("ENCORE_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "own.txt").write_text("one\ntwo\n")
    own = Files(str(tmp_path / "own.txt"), Lines("text"))
    written = Written(TfdsSplit("encore_test_lines", "train"), TFRecord(), "lines", shards=2)
    mapped = Mapped(written, lambda columns: columns, "the same")
    output = Console(file=io.StringIO(), width=300)
    preparing.prepare(lambda: [own, mapped], output)
    assert "own.txt (text lines): 2 examples, content " in output.file.getvalue()
    assert f"1,000 examples, content {written.digest()[:16]}" in output.file.getvalue()
    assert len([*tmp_path.glob("cache/written/lines-*/part-*")]) == 2
    (tmp_path / "own.txt").write_bytes(b"\xff\n")
    with pytest.raises(Damaged, match="own.txt: line 1"):
        preparing.prepare(lambda: [Files(str(tmp_path / "own.txt"), Lines("text"))], output)


def test_downloads_prepares_and_verifies_then_says_that_it_is_there(folders, server):
    told = prepare("encore_test_lines", "encore_test_lines")
    assert f"prepared in {folders[0] / 'encore_test_lines' / '1.0.0'}" in told
    assert told.count("train: 1000 examples, intact") == 1
    numbers = TfdsSplit("encore_test_lines", "train").load()["number"]
    assert np.array_equal(numbers, np.arange(1000))
    assert "already prepared" in prepare("encore_test_lines") and len(server) == 1


def test_a_file_with_another_checksum_is_refused(folders, server, monkeypatch):
    (url,) = EncoreTestLines.url_infos
    info = UrlInfo(size=len(LINES), checksum="0" * 64, filename="lines.txt")
    monkeypatch.setattr(EncoreTestLines, "url_infos", {url: info})
    with pytest.raises(Damaged, match="SHA-256 differs"):
        prepare("encore_test_lines")
    with pytest.raises(Mistake, match="prepare encore_test_lines"):
        TfdsSplit("encore_test_lines", "train").load()


def test_without_network_no_download_is_begun(folders, monkeypatch):
    def begun(*_):
        raise AssertionError("tfds would try for three minutes")

    monkeypatch.setattr(EncoreTestLines, "_split_generators", begun)
    # A port that nothing listens on, and a name that does not exist.
    monkeypatch.setenv("NO_PROXY", "*")
    for url in ("http://127.0.0.1:9/lines.txt", "http://no.such.host.invalid/lines.txt"):
        monkeypatch.setattr(
            EncoreTestLines, "url_infos", {url: UrlInfo(size=1, checksum="", filename="")}
        )
        with pytest.raises(Mistake, match="cannot be reached"):
            prepare("encore_test_lines")


def test_a_host_that_never_answers_is_given_up(folders, monkeypatch):
    answered = threading.Event()
    monkeypatch.setattr(preparing, "PATIENCE", 0.05)
    monkeypatch.setattr(preparing, "_ask", lambda url, failed: answered.wait())
    with pytest.raises(Mistake, match="no answer"):
        preparing._require_network("set", "http://example.invalid/")
    answered.set()


def test_a_builder_that_needs_tensorflow_says_so_and_keeps_the_download(
    folders, server, monkeypatch
):
    monkeypatch.setattr(EncoreTestLines, "needs_tensorflow", True)
    with pytest.raises(Mistake, match="pip install tensorflow"):
        prepare("encore_test_lines")
    monkeypatch.setattr(EncoreTestLines, "needs_tensorflow", False)
    prepare("encore_test_lines")
    assert len(server) == 1


def test_names_that_tfds_does_not_know(folders):
    with pytest.raises(Mistake, match="Did you mean"):
        prepare("fashion_mnistt")
    assert not folders[0].exists()


def test_a_folder_that_cannot_be_written_is_told(folders, server):
    folders[0].write_text("not a folder")
    with pytest.raises(Mistake, match="TFDS_DATA_DIR"):
        prepare("encore_test_lines")


def test_damage_of_what_is_prepared_is_found(prepared_digits):
    assert "train: 1437 examples, intact" in prepare("encore_digits")
    (file,) = prepared_digits[0].glob("encore_digits/1.0.0/*test*")
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(Damaged, match="encore_digits-test"):
        prepare("encore_digits")


def test_digits_prepare_and_arrays_need_nothing(folders):
    assert f"prepared in {folders[1]}" in prepare("encore_digits")
    output = io.StringIO()
    preparing.prepare(lambda: [ArraySource("made", {"x": np.ones(3)})], Console(file=output))
    assert "Nothing to prepare" in output.getvalue()


def test_what_a_mapped_source_reads_is_prepared(folders):
    output = io.StringIO()
    digits = TfdsSplit("encore_digits", "train")
    twice = Mapped(Mapped(digits, lambda columns: columns, "same"), lambda columns: columns, "same")
    preparing.prepare(lambda: [twice], Console(file=output, width=300))
    assert "train: 1437 examples, intact" in output.getvalue()


def test_the_bar_follows_the_folder(tmp_path):
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=120)
    with contextlib.suppress(RuntimeError), preparing._progress("set", tmp_path, 3000, console):
        (tmp_path / "part").write_bytes(b"x" * 1500)
        time.sleep(0.6)
        raise RuntimeError
    assert "downloading set" in output.getvalue() and "1.5/3.0 kB" in output.getvalue()


def test_in_other_words_and_from_a_worker_it_is_still_known_what_is_not_prepared():
    for told in (missing("mnist").reworded("other"), pickle.loads(pickle.dumps(missing("mnist")))):
        assert isinstance(told, NotPrepared) and told.dataset == "mnist"
    assert str(missing("mnist").reworded("other words")) == "other words"
