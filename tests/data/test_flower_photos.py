"""The builder of flowers, and its pictures as a folder of files."""

from __future__ import annotations

import io
import tarfile

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from research.data.builders.flower_photos192 import CLASSES, FlowerPhotos192
from research.data.download import prepare_dataset
from research.data.file_sets.files import Files
from research.data.formats.pictures import Pictures, classes_in
from research.data.picture_folder import write_folder
from research.data.tfds_split import TfdsSplit
from research.errors import Mistake


def archive() -> bytes:
    """Five photographs, one of each class: left half black, and as bright as its class right."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as made:
        for number, name in enumerate([*CLASSES, "LICENSE"]):
            content = io.BytesIO(b"CC-BY")
            if name in CLASSES:
                pixels = np.zeros((300, 400, 3), np.uint8)
                pixels[:, 200:] = 50 * number
                content = io.BytesIO()
                Image.fromarray(pixels).save(content, "JPEG")
            suffix = f"{name}/{number}.jpg" if name in CLASSES else name
            entry = tarfile.TarInfo(f"flower_photos/{suffix}")
            entry.size = len(content.getvalue())
            made.addfile(entry, io.BytesIO(content.getvalue()))
    return packed.getvalue()


def test_flowers_are_prepared_and_written_as_files_that_read_as_what_was_prepared(serve_download):
    serve_download(FlowerPhotos192, archive())
    prepare_dataset("flower_photos192", Console(file=io.StringIO()))
    source = TfdsSplit("flower_photos192", "train[:4]")
    prepared = source.load()
    assert prepared["image"].shape == (4, 192, 192, 3)
    names = source.class_names("label")
    assert names == tuple(CLASSES)
    for image, label in zip(prepared["image"], prepared["label"], strict=True):
        assert abs(int(image[96, 180, 0]) - 50 * label) < 3 and image[96, 10].max() < 3

    folder = write_folder(source, "flowers/train")
    files = Files(f"{folder}/*/*", Pictures(classes_in(str(folder))))
    read = files.load()
    assert len(files) == 4
    by_label = {names[label]: image for image, label in zip(*prepared.values(), strict=True)}
    for image, label in zip(read["image"], read["label"], strict=True):
        assert np.array_equal(image, by_label[files.format.classes[label]])
    times = {path: path.stat().st_mtime_ns for path in folder.glob("*/*")}
    assert write_folder(source, "flowers/train") == folder
    assert times == {path: path.stat().st_mtime_ns for path in folder.glob("*/*")}


def test_a_folder_of_a_data_set_that_is_not_there_is_not_begun(folders):
    with pytest.raises(Mistake, match="prepare flower_photos192"):
        write_folder(TfdsSplit("flower_photos192", "train"), "flowers/train")
    assert not [*(folders[1] / "written" / "flowers").glob("*/*")]
