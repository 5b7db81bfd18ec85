"""The builder of the chorales."""

from __future__ import annotations

import io
import tarfile

import pytest
from rich.console import Console

from research.data.builders.jsb_chorales import JsbChorales
from research.data.download import prepare_dataset
from research.data.prepared import find
from research.data.tfds_split import TfdsSplit
from research.errors import Damaged

FILES = {
    "train/chorale_001.csv": "60,0,48,36",
    "train/chorale_000.csv": "74,70,65,58\n75,70,58,55",
    "valid/chorale_002.csv": "72,67,64,48",
    "test/chorale_003.csv": "0,0,0,0\n81,74,69,66",
    "README.md": "nothing",
}


@pytest.fixture(scope="module")
def archive():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as made:
        for name, rows in FILES.items():
            content = f"note0,note1,note2,note3\n{rows}\n".encode()
            header = tarfile.TarInfo(f"jsb_chorales/{name}")
            header.size = len(content)
            made.addfile(header, io.BytesIO(content))
    return file.getvalue()


def test_chorales_are_in_their_splits_by_number(serve_download, archive):
    serve_download(JsbChorales, archive)
    prepare_dataset("jsb_chorales", Console(file=io.StringIO()))
    splits = ("train", "validation", "test")
    found = {split: TfdsSplit("jsb_chorales", split).load() for split in splits}
    notes = {split: [each.tolist() for each in part["notes"]] for split, part in found.items()}
    assert notes == {
        "train": [[[74, 70, 65, 58], [75, 70, 58, 55]], [[60, 0, 48, 36]]],
        "validation": [[[72, 67, 64, 48]]],
        "test": [[[0, 0, 0, 0], [81, 74, 69, 66]]],
    }
    assert found["train"]["name"].tolist() == [b"chorale_000", b"chorale_001"]


def test_another_archive_is_refused(serve_download, archive):
    serve_download(JsbChorales, archive, is_known=False)
    with pytest.raises(Damaged, match="SHA-256 differs"):
        prepare_dataset("jsb_chorales", Console(file=io.StringIO()))
    assert find("jsb_chorales") is None
