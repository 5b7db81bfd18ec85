"""Files as a source: found, indexed and cached, and the messages where they cannot be read."""

from __future__ import annotations

import functools
import http.server
import io
import json
import os
import sys
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from research.data import bar
from research.data.columns import Form, digest
from research.data.feed import open_feed
from research.data.file_sets import making
from research.data.file_sets.files import Files
from research.data.formats.csv_files import CSV
from research.data.formats.fixed import CIFAR10, Field, Fixed, Idx, Npy
from research.data.formats.lines import Lines
from research.data.formats.pictures import Pictures, classes_in
from research.data.formats.tar_shards import Tar
from research.data.formats.tfrecord import TFRecord
from research.data.order import shuffled_rows
from research.engine.experiment import Data
from research.errors import Damaged, Mistake
from tests.data.sources.written import WAYS, examples, fitting, write_tfrecord

FORMAT = WAYS["tfrecord"].format


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three shards of five records each."""
    columns = examples(15)
    for number in range(3):
        part = {name: column[5 * number : 5 * number + 5] for name, column in columns.items()}
        write_tfrecord(part, tmp_path / f"part-{number}")
    return tmp_path


def counted(monkeypatch) -> list[str]:
    """The first shards of the indices that were made."""
    made: list[str] = []
    make = making.make_manifest

    def making_one(shards, *rest):
        made.append(shards[0].name)
        return make(shards, *rest)

    monkeypatch.setattr("research.data.file_sets.index.make_manifest", making_one)
    return made


def test_paths_globs_and_their_order(folder, monkeypatch):
    whole = Files(str(folder / "part-*"), FORMAT)
    assert whole.digest() == digest(examples(15)) and len(whole) == 15
    assert whole.name == f"{folder}/part-* (TFRecord)"
    assert [*whole.records.values()] == [5, 5, 5]
    monkeypatch.chdir(folder)
    assert Files("part-?", FORMAT).digest() == whole.digest()
    (folder / "deep" / "er").mkdir(parents=True)
    for name in ("part-2", "part-0", "part-1"):
        (folder / name).rename(folder / "deep" / "er" / name)
    assert Files(f"{folder}/**/part-*", FORMAT).digest() == whole.digest()
    named = tuple(f"{folder}/deep/er/part-{n}" for n in (2, 0, 1))
    rows = [*range(10, 15), *range(10)]
    moved = {name: column[rows] for name, column in examples(15).items()}
    assert Files(named, FORMAT).digest() == digest(moved)


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ("{}/none", "there is no file {}/none"),
        ("{}/*.csv", "no file matches {}/*.csv (looked in {})"),
        ("{}", "{} is a folder; name its files, for example by '{}/*'"),
        (("{}/part-*", "{}/part-1"), "{}/part-1 is named twice (also as {}/part-1)"),
        (("{}/part-1", "{}/link"), "{}/link is named twice (also as {}/part-1)"),
        ((), "no file is named"),
        ("ftpx://a/b", "ftpx://a/b cannot be opened"),
        ("memory://a/none", "there is no file memory://a/none"),
        ("memory://a/*.csv", "no file matches memory://a/*.csv"),
    ],
)
def test_paths_that_cannot_be(folder, paths, message):
    (folder / "link").symlink_to(folder / "part-1")
    paths = tuple(each.format(folder) for each in ((paths,) if isinstance(paths, str) else paths))
    with pytest.raises(Mistake) as error:
        len(Files(paths, FORMAT))
    assert message.replace("{}", str(folder)) in str(error.value)


def test_a_file_that_may_not_be_read(folder, monkeypatch):
    opened = Path.open

    def refused(self, *rest, **more):  # As root, every file may be read.
        if self.name == "part-1":
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *rest, **more)

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(Mistake, match=f"{folder}/part-1 cannot be read: Permission denied"):
        len(Files(str(folder / "part-*"), FORMAT))


def test_an_empty_file_among_full_ones(folder):
    (folder / "part-1").write_bytes(b"")
    with pytest.raises(Damaged, match=f"{folder}/part-1: byte 0: the file is empty"):
        len(Files(str(folder / "part-*"), FORMAT))
    source = Files(str(folder / "part-*"), FORMAT, "skip")
    assert len(source) == 10 and source.left_out == 1
    for number in range(3):
        (folder / f"part-{number}").write_bytes(b"")
    with pytest.raises(Mistake, match="no record can be read, of 3 that are broken; first byte 0"):
        len(Files(str(folder / "part-*"), FORMAT, "skip"))


def test_the_index_is_made_once_and_again_when_a_file_changes(folder, monkeypatch):
    made = counted(monkeypatch)
    paths = str(folder / "part-*")
    before = Files(paths, FORMAT)
    for _ in range(3):
        assert Files(paths, FORMAT).digest() == before.digest()
    assert len(made) == 1
    Files(paths, FORMAT, "skip").digest()
    Files(paths, TFRecord(content="bytes")).digest()
    assert len(made) == 3
    write_tfrecord(examples(5, seed=9), folder / "part-1")
    with pytest.raises(Damaged, match=f"{folder}/part-1 has changed since it was opened"):
        before.read(np.arange(15))
    assert len(before.read(np.arange(5))["count"]) == 5  # of a file that has not
    assert Files(paths, FORMAT).digest() != before.digest() and len(made) == 4
    (folder / "part-1").unlink()
    with pytest.raises(Damaged, match=f"{folder}/part-1 cannot be read any more: No such file"):
        before.read(np.array([7]))


@pytest.mark.parametrize("hurt", ["positions", "manifest", "count", "gone"])
def test_a_damaged_index_is_noticed_and_made_again(folder, cache, monkeypatch, hurt):
    made = counted(monkeypatch)
    wanted = Files(str(folder / "part-*"), FORMAT).digest()
    (manifest,) = cache.glob("files/*/manifest.json")
    positions = manifest.with_name("positions.bin")
    if hurt == "positions":
        content = bytearray(positions.read_bytes())
        content[20] ^= 1
        positions.write_bytes(content)
    elif hurt == "manifest":
        manifest.write_text("{")
    elif hurt == "count":
        values = json.loads(manifest.read_text())
        values["shards"][0][0] = 4
        manifest.write_text(json.dumps(values))
    else:
        positions.unlink()
    source = Files(str(folder / "part-*"), FORMAT)
    assert source.digest() == wanted and digest(source.read(np.arange(15))) == wanted
    assert len(made) == 2


def test_a_cache_that_cannot_be_written_is_done_without(folder, monkeypatch):
    (folder / "file").write_text("not a folder")
    monkeypatch.setenv("ENCORE_CACHE_DIR", str(folder / "file" / "cache"))
    source = Files(str(folder / "part-*"), FORMAT)
    assert digest(source.load()) == source.digest() == digest(examples(15))
    assert len(source.read(np.array([3, 3]))["text"]) == 2
    WAYS["csv"].write(examples(15), folder / "a.csv.gz")
    with pytest.raises(Mistake, match=r"a.csv.gz is compressed, and its copy cannot be kept in"):
        len(Files(str(folder / "a.csv.gz"), WAYS["csv"].format))


def test_a_disk_that_is_full_leaves_nothing_behind(folder, cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("research.data.file_sets.index.publish", full)
    monkeypatch.setattr("research.data.file_sets.plain.publish", full)
    assert len(Files(str(folder / "part-*"), FORMAT)) == 15
    write_tfrecord(examples(5), folder / "a.gz")
    with pytest.raises(Mistake, match="No space left on device. Set ENCORE_CACHE_DIR to a folder"):
        len(Files(str(folder / "a.gz"), FORMAT))
    assert not [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"]


@pytest.mark.slow
def test_a_run_streams_the_same_batches_as_from_arrays(folder):
    source = Files(str(folder / "part-*"), TFRecord({"count": FORMAT.features["count"]}))
    numbers = {"count": examples(15)["count"]}
    source_small = Files(str(folder / "numbers"), TFRecord())
    write_tfrecord({"count": numbers["count"] >> 40}, folder / "numbers")
    data = Data({"train": source_small}, shuffled_rows(15, 4), evaluation_batch_size=4)
    batches = []
    for placement in ("resident", "streamed"):
        with open_feed(data, placement, window_steps=2) as feed:
            batches.append(
                [
                    np.asarray(feed.batch(window.arrays, np.uint32(0), np.int32(step))["count"])
                    for window in feed.windows(0, 0, 6)
                    for step in range(window.start, window.stop)
                ]
            )
    assert np.array_equal(*batches) and len(source) == 15


def test_files_in_memory_of_fsspec(folder, cache):
    import fsspec

    memory = fsspec.filesystem("memory")
    for path in sorted(folder.glob("part-*")):
        memory.pipe_file(f"/set/{path.name}", path.read_bytes())
    source = Files("memory://set/part-*", FORMAT)
    assert source.digest() == digest(source.load()) == digest(examples(15))
    with pytest.raises(Mistake, match="memory:///set is a folder"):
        len(Files("memory://set", FORMAT))
    assert len([*cache.glob("files/plain/*/content")]) == 3


def test_files_over_http_by_aiohttp(folder):
    pytest.importorskip("aiohttp", reason="requirements-oracles.txt is not installed")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    serve = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        above = f"http://127.0.0.1:{server.server_port}"
        urls = tuple(f"{above}/part-{number}" for number in range(3))
        assert Files(urls, FORMAT).digest() == digest(examples(15))
        with pytest.raises(Mistake, match=f"there is no file {above}/none"):
            len(Files(f"{above}/none", FORMAT))
        server.shutdown()


def test_cifar_10_and_idx_as_they_are_published(tmp_path):
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (6, 32, 32, 3), np.uint8)
    labels = draw.integers(0, 10, 6).astype(np.uint8)
    planes = images.transpose(0, 3, 1, 2).reshape(6, -1)
    np.concatenate([labels[:, None], planes], axis=1).tofile(tmp_path / "data_batch_1.bin")
    read = Files(str(tmp_path / "*.bin"), CIFAR10).load()
    assert np.array_equal(read["image"], images) and np.array_equal(read["label"], labels)
    grey = images[..., 0]
    head = bytes([0, 0, 8, 3]) + np.array([6, 32, 32], ">u4").tobytes()
    (tmp_path / "train-images-idx3-ubyte").write_bytes(head + grey.tobytes())
    read = Files(str(tmp_path / "train-*"), Idx("image")).read(np.array([5, 0]))
    assert np.array_equal(read["image"], grey[[5, 0]])


def test_an_array_that_numpy_saved(tmp_path):
    values = np.random.default_rng(0).normal(size=(9, 2, 3)).astype(">f4")
    np.save(tmp_path / "a.npy", values)
    read = Files(str(tmp_path / "a.npy"), Npy("x")).load()
    assert np.array_equal(read["x"], values) and read["x"].dtype == np.float32
    np.save(tmp_path / "f.npy", np.asfortranarray(values))
    np.save(tmp_path / "o.npy", np.array([{}, 1], object), allow_pickle=True)
    for name, message in (("f", "lies column by column"), ("o", "only numbers can be read")):
        with pytest.raises(Damaged, match=f"{name}.npy: the file as a whole: it {message}|holds"):
            len(Files(str(tmp_path / f"{name}.npy"), Npy("x")))


@pytest.mark.parametrize(
    ("bytes_more", "message"),
    [(1, "record 3 .byte 26.: 1 bytes are left behind the last whole record"), (-1, "7 bytes")],
)
def test_a_file_that_is_no_multiple_of_its_record(tmp_path, bytes_more, message):
    format = Fixed({"n": Field("<i8")}, head=2)
    path = tmp_path / "a.bin"
    path.write_bytes(b"??" + np.arange(3, dtype="<i8").tobytes())
    assert Files(str(path), format).load()["n"].tolist() == [0, 1, 2]
    path.write_bytes((path.read_bytes() + b"x")[: 26 + bytes_more])
    with pytest.raises(Damaged, match=message):
        len(Files(str(path), format))
    assert len(Files(str(path), format, "skip")) == 3 - (bytes_more < 0)


def test_lines(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\n\ntwo \xc3\xa9\nlast")
    read = Files(str(path), Lines()).load()["text"]
    assert read.tolist() == [b"one", b"", "two é".encode(), b"last"]
    path.write_bytes("one\ntwo é\n".encode("latin-1"))
    with pytest.raises(Damaged, match="line 2: byte 0xe9 is no UTF-8; name the encoding"):
        len(Files(str(path), Lines()))
    read = Files(str(path), Lines(encoding="latin-1")).load()["text"]
    assert read.tolist() == [b"one", "two é".encode()]


def test_progress_is_shown_on_a_terminal(folder, monkeypatch, capsys):
    console = Console(force_terminal=True, file=sys.stderr)
    monkeypatch.setattr(bar, "is_terminal", lambda file: True)
    monkeypatch.setattr(bar, "make_console", lambda file: console)
    assert len(Files(str(folder / "part-*"), FORMAT)) == 15
    assert "reading part-" in capsys.readouterr().err


def test_an_older_format_of_the_index_is_not_used(folder, monkeypatch):
    made = counted(monkeypatch)
    Files(str(folder / "part-*"), FORMAT).digest()
    monkeypatch.setattr("research.data.file_sets.index.FORMAT", 0)
    Files(str(folder / "part-*"), FORMAT).digest()
    assert len(made) == 2


def test_a_file_of_another_format(folder):
    cases = [
        (Lines(), "is no UTF-8"),
        (CSV(), "quote|columns|UTF|names"),
        (Idx("x"), "this is no IDX file"),
        (Npy(), "this is no npy file"),
        (WAYS["parquet"].format, "Parquet"),
        (WAYS["array_record"].format, ""),
    ]
    for format, message in cases:
        with pytest.raises((Damaged, Mistake), match=f"part-0.*({message})"):
            len(Files(str(folder / "part-0"), format))
    os.utime(folder / "part-0")
    text = fitting(examples(9), WAYS["lines"])
    WAYS["lines"].write(text, folder / "text")
    with pytest.raises(Damaged, match="record at byte 0: .* this is no TFRecord file"):
        len(Files(str(folder / "text"), FORMAT))


def test_pictures_and_the_folders_that_are_their_classes(tmp_path):
    draw = np.random.default_rng(0)
    pixels = [draw.integers(0, 256, (4 + n, 5, 3), np.uint8) for n in range(4)]
    for n, image in enumerate(pixels):
        folder = tmp_path / "photos" / ("rose", "daisy")[n % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{n}.png")
    classes = classes_in(str(tmp_path / "photos"))
    assert classes == ("daisy", "rose")
    paths = str(tmp_path / "photos" / "*" / "*.png")
    source = Files(paths, Pictures(classes))
    read = source.read(np.array([2, 1, 2]))
    for image, n in zip(read["image"], (0, 3, 0), strict=True):
        assert np.array_equal(image, pixels[n])
    assert source.load()["label"].tolist() == [0, 0, 1, 1]
    with pytest.raises(Damaged, match=r"rose/2.png: the picture: it is 6 x 5 pixels, not \(4, 5\)"):
        len(Files(f"{tmp_path}/photos/rose/*", Pictures((), (4, 5, 3))))
    with pytest.raises(Damaged, match="rose/0.png: the picture: its folder, 'rose', is none of"):
        len(Files(f"{tmp_path}/photos/rose/*", Pictures(("daisy",))))
    broken = tmp_path / "photos" / "rose" / "2.png"
    broken.write_bytes(broken.read_bytes()[:-40])
    with pytest.raises(Damaged, match="rose/2.png: the picture: it cannot be read as a picture"):
        len(Files(paths, Pictures(classes)))
    assert len(Files(paths, Pictures(classes), "skip")) == 3
    with pytest.raises(Mistake, match="holds no folders"):
        classes_in(str(tmp_path / "photos" / "rose"))


def test_tar_shards_as_webdataset_has_them(tmp_path):
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (3, 4, 5, 3), np.uint8)
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for n, image in enumerate(images):
            content = io.BytesIO()
            Image.fromarray(image).save(content, "png")
            name = "a/very/long/folder/" * 9  # longer than a header has room for
            files = {"png": content.getvalue(), "cls": b"%d" % n, "meta.json": b"{}"}
            for end, data in files.items():
                member = tarfile.TarInfo(f"{name}{n}.{end}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    forms = {"png": Form(np.dtype(np.uint8), (4, 5, 3)), "cls": Form(np.dtype(np.int64), ())}
    source = Files(str(tmp_path / "a.tar"), Tar(forms))
    read = source.read(np.array([2, 0]))
    assert np.array_equal(read["png"], images[[2, 0]]) and read["cls"].tolist() == [2, 0]
    plain = Files(str(tmp_path / "a.tar"), Tar())
    assert [*plain.forms] == ["cls", "meta.json", "png"] and plain.load()["cls"].tolist()[2] == b"2"
    whole = (tmp_path / "a.tar").read_bytes()
    at = whole.rindex(b"ustar")
    (tmp_path / "b.tar").write_bytes(whole[:at] + b"USTAR" + whole[at + 5 :])
    with pytest.raises(Damaged, match="b.tar: example at byte .*what follows cannot be read"):
        len(Files(str(tmp_path / "b.tar"), Tar(forms)))
